package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/statusway/statusway/gateway/policy"
)

// Load reads every case of a folder: 404-route.yaml, or route.yaml in the folder 404. Its
// error joins everything that is wrong with any of them.
func Load(folder fs.FS) ([]Case, error) {
	files, err := fs.Glob(folder, "*"+extension)
	inRows, errRows := fs.Glob(folder, rowFolder+"/*"+extension)
	files = append(files, inRows...)
	if err = errors.Join(err, errRows); err != nil || len(files) == 0 {
		return nil, errors.Join(errors.New("there are no cases"), err)
	}
	var errs []error
	cases := make([]Case, 0, len(files))
	names := map[string]string{}
	for _, file := range files {
		source, err := fs.ReadFile(folder, file)
		if err != nil {
			return nil, fmt.Errorf("reading a case: %w", err)
		}
		name := strings.ReplaceAll(strings.TrimSuffix(file, extension), "/", "-")
		c, err := Parse(name, source)
		if other := names[name]; other != "" {
			err = errors.Join(err, fmt.Errorf("%s has the same name", other))
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", file, err))
		}
		names[name] = file
		cases = append(cases, c)
	}
	return cases, errors.Join(errs...)
}

// rowFolder is the name of a folder with the cases of one row, as a pattern.
const rowFolder = "[1-5][0-9][0-9]"

const extension = ".yaml"

// Parse reads one case; name begins with the row.
func Parse(name string, source []byte) (Case, error) {
	c := Case{}
	decoder := yaml.NewDecoder(bytes.NewReader(source))
	decoder.KnownFields(true)
	if err := decoder.Decode(&c); err != nil {
		return c, fmt.Errorf("decoding: %w", err)
	}
	if err := decoder.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return c, errors.New("it holds more than one document")
	}
	c.Name = name
	return c, errors.Join(c.faults()...)
}

var (
	caseName      = regexp.MustCompile(`^[1-5][0-9]{2}(-[a-z0-9]+)+$`)
	checklistItem = regexp.MustCompile(`^[A-Z0-9]{3,4}-[0-9]{2}$`)
)

// faults are the mistakes in a case that its types do not prevent.
type faults []error

func (f *faults) whenf(wrong bool, format string, args ...any) {
	if wrong {
		*f = append(*f, fmt.Errorf(format, args...))
	}
}

func (c *Case) faults() []error {
	var f faults
	f.whenf(!caseName.MatchString(c.Name), "a name is its row and lower-case words")
	f.whenf(!strings.HasPrefix(c.Name, strconv.Itoa(c.Row)+"-"), "the name does not begin with the row %d", c.Row)
	f.whenf(!strings.HasSuffix(c.Title, ".") || strings.Contains(c.Title, "\n"), "the title is no sentence")
	for _, item := range c.Checklist {
		f.whenf(!checklistItem.MatchString(item), "%q is no item of a checklist", item)
	}
	f.whenf(c.Response.Status == 0, "the response has no status")
	f.whenf(!c.Describes() && c.Response.Status != c.Row, "the row is %d and the status %d", c.Row, c.Response.Status)
	f.whenf(c.Response.Status >= 400 && !c.Request.IsHead() && c.Response.Problem == nil && c.Response.Body == nil, "an error states its problem")
	f.limitation("transport", c.Transports, OverHTTP1, OverH2C, OverGRPC)
	f.limitation("policy", c.Policies, policy.Documented, policy.Canonical)
	for _, one := range c.Exchanges() {
		f.exchange(one)
	}
	f.whenf(len(c.Request.Raw) > 0 && c.Runs(OverH2C), "a raw request goes over HTTP/1.1 alone: limit the transports")
	f.whenf(c.GRPC != nil && c.GRPC.Code != "" && c.GRPC.Reason == "" && c.GRPC.Domain != "", "a domain goes with a reason")
	return f
}

func (f *faults) limitation(of string, l *Limitation, known ...string) {
	if l == nil {
		return
	}
	f.whenf(l.Because == "" || len(l.Only) == 0, "a %s is left out for a reason", of)
	for _, one := range l.Only {
		f.whenf(!slices.Contains(known, one), "there is no %s %q", of, one)
	}
}

func (f *faults) exchange(one Exchange) {
	raw := len(one.Request.Raw) > 0
	f.whenf(raw == (one.Request.Method != "" && one.Request.Target != ""), "a request has a method and a target, or is raw")
	f.whenf(one.Request.JSON != nil && one.Request.Text != nil, "a body is json or text")
	f.steps(one)
	for name := range one.Response.Capture {
		f.whenf(name == "id" || strings.HasSuffix(strings.ToLower(name), "token"), "the variable %s is taken", name)
	}
	f.whenf(one.Race != nil && (one.Race.Winners >= one.Race.Times || one.Race.Losers.Status == 0), "a race has losers")
}

// steps checks that each step does one thing, and that nothing else sends the body.
func (f *faults) steps(one Exchange) {
	r := one.Request
	for i, step := range r.Steps {
		things := 0
		for _, is := range []bool{step.Send != nil, step.Pause > 0, step.Await != nil, step.Meanwhile != nil} {
			if is {
				things++
			}
		}
		f.whenf(things != 1, "step %d of a request does one thing", i+1)
	}
	alone := r.JSON == nil && r.Text == nil && len(r.Raw) == 0 && !r.Cut && one.Race == nil
	f.whenf((len(r.Steps) > 0 || r.Leaves) && !alone, "a request with steps has no other body, is not cut, and has no race")
}

// Exchanges returns all exchanges of a case.
func (c *Case) Exchanges() []Exchange {
	var all []Exchange
	for _, one := range slices.Concat(c.Before, []Exchange{c.Exchange}, c.After) {
		for _, step := range one.Request.Steps {
			if step.Meanwhile != nil {
				all = append(all, *step.Meanwhile)
			}
		}
		all = append(all, one)
	}
	return all
}

// Describes reports whether the case tests the response that MapStatus describes, not
// MapStatus's own response.
func (c *Case) Describes() bool { return c.Request.Target == mapTarget && c.Response.Status == 200 }

const mapTarget = "/v1/statuses:map"

// Variant is the server that the case is for.
func (c *Case) Variant() string {
	if c.Server == "" {
		return "default"
	}
	return c.Server
}

// Runs reports whether the case runs over a transport.
func (c *Case) Runs(transport string) bool {
	if transport == OverGRPC && c.GRPC == nil {
		return false
	}
	return c.Transports == nil || slices.Contains(c.Transports.Only, transport)
}
