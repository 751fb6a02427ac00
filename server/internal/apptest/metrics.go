package apptest

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/statusway/statusway/server/internal/conformance"
)

// A Sample is one series of a scrape: its name as a query has it, its labels and its value.
type Sample struct {
	Name   string
	Labels map[string]string
	Value  float64
}

func (s Sample) String() string { return fmt.Sprintf("%s%v %v", s.Name, s.Labels, s.Value) }

// Scrape reads /metrics as Prometheus does.
func (s *Server) Scrape(t *testing.T) []Sample {
	t.Helper()
	got, err := s.Send(t.Context(), conformance.OverHTTP1, &conformance.Message{Method: http.MethodGet, Target: "/metrics"})
	if err != nil {
		t.Fatal(err)
	}
	if kind := got.Header.Get("Content-Type"); got.Status != http.StatusOK || !strings.HasPrefix(kind, "text/plain; version=0.0.4") {
		t.Fatalf("%d %s %s", got.Status, kind, got.Body)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(got.Body))
	if err != nil {
		t.Fatal(err)
	}
	var all []Sample
	for name, family := range families {
		for _, metric := range family.GetMetric() {
			labels := map[string]string{}
			for _, label := range metric.GetLabel() {
				labels[label.GetName()] = label.GetValue()
			}
			histogram := metric.GetHistogram()
			if histogram == nil && metric.GetSummary() == nil {
				all = append(all, Sample{name, labels, metric.GetCounter().GetValue() + metric.GetGauge().GetValue()})
				continue
			}
			all = append(all, Sample{name + "_count", labels, float64(histogram.GetSampleCount())}, Sample{name + "_sum", labels, histogram.GetSampleSum()})
			for _, bucket := range histogram.GetBucket() {
				with := maps.Clone(labels)
				with["le"] = strconv.FormatFloat(bucket.GetUpperBound(), 'g', -1, 64)
				all = append(all, Sample{name + "_bucket", with, float64(bucket.GetCumulativeCount())})
			}
		}
	}
	return all
}
