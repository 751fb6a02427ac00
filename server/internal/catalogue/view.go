package catalogue

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"html/template"
	"regexp"
	"strings"

	"github.com/statusway/statusway/server/internal/tour"
)

// views are the templates of the pages, and what they have in common.
type views struct{ layout, home, table, row, playground *template.Template }

func readViews() (views, error) {
	base, err := template.New("layout.html").Funcs(template.FuncMap{"words": words}).ParseFS(files, "files/layout.html", "files/parts.html")
	if err != nil {
		return views{}, fmt.Errorf("reading the templates: %w", err)
	}
	v := views{layout: base}
	for name, into := range map[string]**template.Template{"home": &v.home, "table": &v.table, "row": &v.row, "playground": &v.playground} {
		view, err := base.Clone()
		if err == nil {
			view, err = view.ParseFS(files, "files/"+name+".html")
		}
		if err != nil {
			return views{}, fmt.Errorf("reading the templates: %w", err)
		}
		*into = view
	}
	return v, nil
}

// layout is what every page is made of.
type layout struct {
	Title, Path string
	// Policy is the name of the server's policy, and About its description.
	Policy, About string
	// IsDemo and IsReference say what can be tried.
	IsDemo, IsReference bool
	// Long is the length of the text {long}.
	Long    int
	Content any
}

func (c *Catalogue) render(view *template.Template, path, title string, content any) ([]byte, error) {
	policy := c.Mapper.Policy().Policy()
	var out bytes.Buffer
	err := view.Execute(&out, layout{
		Title: title, Path: path, Policy: policy.GetName(), About: policy.GetDescription(),
		IsDemo: c.Has == tour.DemoData, IsReference: c.Has >= tour.ReferenceAPI, Long: tour.LongLength, Content: content,
	})
	if err != nil {
		return nil, fmt.Errorf("rendering %s: %w", path, err)
	}
	return relative(out.Bytes(), path), nil
}

var links = regexp.MustCompile(`\b(href|src|action)="/`)

// relative makes the links of a page relative to its path. So they also work where a proxy serves
// the pages below a path of its own. Text of others cannot look like a link: its quotes are escaped.
func relative(html []byte, path string) []byte {
	root := cmp.Or(strings.Repeat("../", strings.Count(path, "/")-1), "./")
	return links.ReplaceAll(html, []byte(`$1="`+root))
}

// words divides a long name where a line may break.
func words(name string) []string {
	var all []string
	for {
		at := strings.IndexAny(name, "._/") + 1
		if at == 0 {
			return append(all, name)
		}
		all = append(all, name[:at])
		name = name[at:]
	}
}

// indented returns indented JSON. It returns other text unchanged.
func indented(text []byte) string {
	var out bytes.Buffer
	if json.Indent(&out, text, "", "  ") != nil {
		return string(text)
	}
	return out.String()
}
