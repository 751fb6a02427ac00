package processtest

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Metrics are the metrics of one scrape, by name.
type Metrics map[string]*dto.MetricFamily

// watcher reads /metrics. It uses a new connection each time, so that it leaves none
// behind to be counted.
var watcher = &http.Client{
	Timeout:   20 * time.Second,
	Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
}

// Metrics reads /metrics.
func (p *Process) Metrics(ctx context.Context) (Metrics, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.REST+"/metrics", nil)
	if err != nil {
		return nil, fmt.Errorf("reading the metrics: %w", err)
	}
	response, err := watcher.Do(request)
	if err != nil {
		return nil, fmt.Errorf("reading the metrics: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("reading the metrics: the status is %d", response.StatusCode)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(response.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the metrics: %w", err)
	}
	return families, nil
}

// Sum adds up the values of a metric whose labels match. Each expression must match all of
// a label's value.
func (m Metrics) Sum(name string, labels map[string]string) float64 {
	sum := 0.0
	for _, metric := range m[name].GetMetric() {
		values := map[string]string{}
		for _, label := range metric.GetLabel() {
			values[label.GetName()] = label.GetValue()
		}
		matches := true
		for label, expression := range labels {
			matches = matches && regexp.MustCompile("^(?:"+expression+")$").MatchString(values[label])
		}
		if matches {
			sum += metric.GetCounter().GetValue() + metric.GetGauge().GetValue()
		}
	}
	return sum
}

// ServerFaults counts the responses with 5xx, except those that refuse a request because
// of a documented limit.
func (m Metrics) ServerFaults() float64 {
	faults := m.Sum("statusway_requests_total", map[string]string{"status": "5.."})
	return faults - m.Sum("statusway_requests_total", map[string]string{"status": "503", "reason": "SERVICE_OVERLOADED"})
}

var peakLine = regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`)

// PeakMemory is the largest resident memory of the process since
// [Process.ResetPeakMemory], in bytes.
func (p *Process) PeakMemory(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		t.Fatal(err)
	}
	found := peakLine.FindSubmatch(text)
	if found == nil {
		t.Fatal("/proc does not say the peak memory")
	}
	kilobytes, err := strconv.ParseInt(string(found[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kilobytes << 10
}

// ResetPeakMemory makes [Process.PeakMemory] start again (proc(5), clear_refs).
func (p *Process) ResetPeakMemory(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.PID()), []byte("5"), 0o600); err != nil {
		t.Fatal(err)
	}
}
