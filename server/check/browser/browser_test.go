package browser_test

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	devlog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/statusway/statusway/server/internal/system"
)

// browserPath returns the path of Chromium.
func browserPath(t *testing.T) string {
	t.Helper()
	system.Test(t)
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("Chromium is not installed")
	return ""
}

// A browser is Chromium, and what its tabs have done that no page should.
type browser struct {
	context.Context

	origin  string
	mu      sync.Mutex
	trouble []string
	asked   int
}

// openBrowser starts Chromium for the pages of an origin. It ends with the test.
func openBrowser(t *testing.T, origin string) *browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(browserPath(t)), chromedp.UserDataDir(t.TempDir()))
	allocator, release := chromedp.NewExecAllocator(context.Background(), options...)
	b := &browser{origin: origin}
	ctx, closeTab := chromedp.NewContext(allocator, chromedp.WithListener(b.watch))
	b.Context = ctx
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("closing the browser: %v", err)
		}
		closeTab()
		release()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("the browser does not start: %v", err)
	}
	return b
}

// tab opens a tab until the test is over.
func (b *browser) tab(t *testing.T) *tab {
	t.Helper()
	ctx, closeTab := chromedp.NewContext(b.Context, chromedp.WithListener(b.watch))
	t.Cleanup(closeTab)
	// The first run opens the tab, which lives as long as its context.
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	// A tab does many things: the API's page alone needs almost half a minute beside the others on two cores.
	limited, cancel := context.WithTimeout(ctx, 4*patience)
	t.Cleanup(cancel)
	opened := &tab{Context: limited, origin: b.origin}
	opened.as(t, look{width: 1280, scheme: "light"})
	return opened
}

// watch notes what a page must not do: ask another server, break its own
// Content-Security-Policy, throw an error or complain.
func (b *browser) watch(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch event := event.(type) {
	case *network.EventRequestWillBeSent:
		b.asked++
		// Neither of the others is asked of a server.
		isOwn := strings.HasPrefix(event.Request.URL, b.origin+"/")
		if !isOwn && !strings.HasPrefix(event.Request.URL, "about:") && !strings.HasPrefix(event.Request.URL, "data:") {
			b.trouble = append(b.trouble, "it asks for "+event.Request.URL)
		}
	case *runtime.EventExceptionThrown:
		b.trouble = append(b.trouble, fmt.Sprintf("an error is thrown: %+v", event.ExceptionDetails))
	case *runtime.EventConsoleAPICalled:
		b.trouble = append(b.trouble, fmt.Sprintf("it writes to the console: %s", event.Type))
	case *devlog.EventEntryAdded:
		// That a response is an error is what the pages are about.
		if event.Entry.Source == devlog.EntrySourceNetwork && strings.Contains(event.Entry.Text, "the server responded with a status of") {
			return
		}
		b.trouble = append(b.trouble, fmt.Sprintf("%s: %s (%s)", event.Entry.Source, event.Entry.Text, event.Entry.URL))
	}
}

// check reports what was noted.
func (b *browser) check(t *testing.T) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, one := range b.trouble {
		t.Error(one)
	}
	if b.asked == 0 {
		t.Error("no request was watched")
	}
}

// A tab shows one page at a time.
type tab struct {
	context.Context

	origin string
}

// do runs actions.
func (b *tab) do(t *testing.T, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(b, actions...); err != nil {
		t.Fatal(err)
	}
}

// open goes to a page.
func (b *tab) open(t *testing.T, path string) {
	t.Helper()
	b.do(t, chromedp.Navigate(b.origin+path))
}

// look is how a page is checked. Nothing moves by itself, so that a click hits what it
// is meant for.
type look struct {
	name   string
	width  int64
	scheme string
}

func (b *tab) as(t *testing.T, l look) {
	t.Helper()
	b.do(t, chromedp.EmulateViewport(l.width, 900), call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}},
	}))
}

// call is an action that sends one command.
func call[P, R any](command cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, command, params)
		return chromedp.Void{}, err
	}
}

// evaluate returns what an expression of JavaScript is in the page.
func evaluate[T any](t *testing.T, b *tab, expression string) T {
	t.Helper()
	value, err := chromedp.Run(b, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// await waits until an expression is true in the page.
func (b *tab) await(t *testing.T, expression string) {
	t.Helper()
	if _, err := chromedp.Run(b, chromedp.Poll[bool](expression, chromedp.WithPollingTimeout(patience))); err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
}
