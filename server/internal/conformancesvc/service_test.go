package conformancesvc_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/statusway/statusway/gateway/inprocess"
	conformancev1 "github.com/statusway/statusway/gen/go/statusway/conformance/v1"
	"github.com/statusway/statusway/server/internal/conformancesvc"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func client() conformancev1.ConformanceServiceClient {
	conn := inprocess.New(inprocess.Params{})
	conformancev1.RegisterConformanceServiceServer(conn, conformancesvc.New(time.Now))
	return conformancev1.NewConformanceServiceClient(conn)
}

// reasonOf is the code and the reason of an error.
func reasonOf(err error) string {
	if err == nil {
		return ""
	}
	of := status.Convert(err)
	for _, detail := range of.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return fmt.Sprint(of.Code(), " ", info.GetDomain(), " ", info.GetReason())
		}
	}
	return of.Code().String()
}

const own = " statusway.conformance.v1 "

// with sends metadata along.
func with(ctx context.Context, pairs ...string) context.Context {
	return metadata.NewOutgoingContext(ctx, metadata.Pairs(pairs...))
}

func put(t *testing.T, c conformancev1.ConformanceServiceClient, id string) *conformancev1.Item {
	t.Helper()
	item, err := c.PutItem(t.Context(), &conformancev1.PutItemRequest{Id: id, Item: &conformancev1.Item{DisplayName: "A cup"}})
	if err != nil {
		t.Fatal(err)
	}
	return item
}

func TestConditions(t *testing.T) {
	t.Parallel()
	const failed = "Aborted statusway.v1 PRECONDITION_FAILED"
	const past, future = "Sun, 06 Nov 1994 08:49:37 GMT", "Fri, 31 Dec 2199 23:59:59 GMT"
	for name, test := range map[string]struct {
		key, value             string // CURRENT stands for the item's tag
		put, update, remove    string
		putMissing, onAMissing string
	}{
		"none":                   {"x", "y", "", "", "", "", "NotFound" + own + "ITEM_NOT_FOUND"},
		"if-match":               {"if-match", "CURRENT", "", "", "", failed, "NotFound" + own + "ITEM_NOT_FOUND"},
		"if-match, list":         {"if-match", `"x", CURRENT`, "", "", "", failed, "NotFound" + own + "ITEM_NOT_FOUND"},
		"if-match, any":          {"if-match", "*", "", "", "", failed, "NotFound" + own + "ITEM_NOT_FOUND"},
		"if-match, weak":         {"if-match", "W/CURRENT", failed, failed, failed, failed, "NotFound" + own + "ITEM_NOT_FOUND"},
		"if-match, other":        {"if-match", `"x"`, failed, failed, failed, failed, "NotFound" + own + "ITEM_NOT_FOUND"},
		"if-match, unreadable":   {"if-match", `x`, failed, failed, failed, failed, "NotFound" + own + "ITEM_NOT_FOUND"},
		"if-none-match":          {"if-none-match", "CURRENT", failed, failed, failed, "", "NotFound" + own + "ITEM_NOT_FOUND"},
		"if-none-match, weak":    {"if-none-match", "W/CURRENT", failed, failed, failed, "", "NotFound" + own + "ITEM_NOT_FOUND"},
		"if-none-match, any":     {"if-none-match", "*", failed, failed, failed, "", "NotFound" + own + "ITEM_NOT_FOUND"},
		"if-none-match, other":   {"if-none-match", `"x"`, "", "", "", "", "NotFound" + own + "ITEM_NOT_FOUND"},
		"if-unmodified-since":    {"if-unmodified-since", future, "", "", "", "", "NotFound" + own + "ITEM_NOT_FOUND"},
		"modified since":         {"if-unmodified-since", past, failed, failed, failed, "", "NotFound" + own + "ITEM_NOT_FOUND"},
		"unreadable date":        {"if-unmodified-since", "yesterday", "", "", "", "", "NotFound" + own + "ITEM_NOT_FOUND"},
		"if-match with the date": {"if-match", "CURRENT", "", "", "", failed, "NotFound" + own + "ITEM_NOT_FOUND"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := client()
			conditional := func(item *conformancev1.Item) context.Context {
				value := test.value
				if at := slices.Index([]string{"CURRENT", "W/CURRENT", `"x", CURRENT`}, value); at >= 0 {
					value = []string{"", "W/", `"x", `}[at] + `"` + item.GetEtag() + `"`
				}
				if name == "if-match with the date" {
					return with(t.Context(), test.key, value, "if-unmodified-since", past)
				}
				return with(t.Context(), test.key, value)
			}
			cup := &conformancev1.Item{DisplayName: "A mug"}
			mask := &fieldmaskpb.FieldMask{Paths: []string{"display_name"}}
			_, ofPut := c.PutItem(conditional(put(t, c, "a")), &conformancev1.PutItemRequest{Id: "a", Item: cup})
			_, ofUpdate := c.UpdateItem(conditional(put(t, c, "b")), &conformancev1.UpdateItemRequest{
				Item: &conformancev1.Item{Id: "b", DisplayName: "A mug"}, UpdateMask: mask,
			})
			_, ofDelete := c.DeleteItem(conditional(put(t, c, "c")), &conformancev1.DeleteItemRequest{Id: "c"})
			_, ofMissing := c.PutItem(conditional(put(t, c, "other")), &conformancev1.PutItemRequest{Id: "d", Item: cup})
			_, ofNone := c.DeleteItem(conditional(put(t, c, "other")), &conformancev1.DeleteItemRequest{Id: "none"})
			for what, check := range map[string]struct {
				err  error
				want string
			}{
				"PutItem": {ofPut, test.put}, "UpdateItem": {ofUpdate, test.update}, "DeleteItem": {ofDelete, test.remove},
				"PutItem of a missing one": {ofMissing, test.putMissing}, "DeleteItem of a missing one": {ofNone, test.onAMissing},
			} {
				if got := reasonOf(check.err); got != check.want {
					t.Errorf("%s: %q, want %q", what, got, check.want)
				}
			}
			for _, id := range []string{"a", "b"} {
				item, err := c.GetItem(t.Context(), &conformancev1.GetItemRequest{Id: id})
				if changed := item.GetDisplayName() == "A mug"; err != nil || changed != (test.put == "") {
					t.Errorf("%s: %v %v", id, item, err)
				}
			}
		})
	}
}

func TestItems(t *testing.T) {
	t.Parallel()
	c := client()
	first := put(t, c, "a")
	put(t, c, "B1")
	put(t, c, "B2")
	if second := put(t, c, "a"); second.GetEtag() == first.GetEtag() || !second.GetCreateTime().AsTime().Equal(first.GetCreateTime().AsTime()) {
		t.Errorf("%v became %v", first, second)
	}
	create := func(item *conformancev1.Item) error {
		_, err := c.CreateItem(t.Context(), &conformancev1.CreateItemRequest{Item: item})
		return err
	}
	_, stale := c.PutItem(t.Context(), &conformancev1.PutItemRequest{Id: "a", Item: &conformancev1.Item{DisplayName: "x", Etag: "x"}})
	_, badToken := c.ListItems(t.Context(), &conformancev1.ListItemsRequest{PageToken: "!"})
	_, noJob := c.GetJob(t.Context(), &conformancev1.GetJobRequest{Name: "jobs/x"})
	for want, err := range map[string]error{
		"":                                       create(&conformancev1.Item{DisplayName: "x"}),
		"AlreadyExists" + own + "ITEM_EXISTS":    create(&conformancev1.Item{Id: "a", DisplayName: "x"}),
		"InvalidArgument" + own + "ITEM_INVALID": create(&conformancev1.Item{Id: "n"}),
		"Aborted" + own + "STALE_ETAG":           stale,
		"InvalidArgument" + own + "PAGE_TOKEN_INVALID": badToken,
		"NotFound" + own + "JOB_NOT_FOUND":             noJob,
	} {
		if got := reasonOf(err); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	// No id that is made begins with a capital letter.
	var ids []string
	token := ""
	for range 2 {
		page, err := c.ListItems(t.Context(), &conformancev1.ListItemsRequest{PageSize: 1, Prefix: "B", PageToken: token})
		if err != nil || len(page.GetItems()) != 1 {
			t.Fatal(page, err)
		}
		ids, token = append(ids, page.GetItems()[0].GetId()), page.GetNextPageToken()
	}
	if !slices.Equal(ids, []string{"B1", "B2"}) || token != "" {
		t.Errorf("%q and then %q", ids, token)
	}
}

// What is kept has a bound, and the newest stay.
func TestBounds(t *testing.T) {
	t.Parallel()
	c := client()
	put(t, c, "oldest")
	for i := range conformancesvc.MaxItems {
		// Removing and creating again does not use up the room.
		if i%2 == 0 {
			put(t, c, "again")
			if _, err := c.DeleteItem(t.Context(), &conformancev1.DeleteItemRequest{Id: "again"}); err != nil {
				t.Fatal(err)
			}
		}
		put(t, c, fmt.Sprint("n", i))
	}
	for id, want := range map[string]string{"oldest": "NotFound" + own + "ITEM_NOT_FOUND", "n0": ""} {
		if _, err := c.GetItem(t.Context(), &conformancev1.GetItemRequest{Id: id}); reasonOf(err) != want {
			t.Errorf("%s: %v", id, err)
		}
	}
}

// Of many writes at once with one tag, one is done.
func TestRace(t *testing.T) {
	t.Parallel()
	c := client()
	item := put(t, c, "a")
	won := make(chan struct{}, 20)
	var group errgroup.Group
	for range cap(won) {
		group.Go(func() error {
			_, err := c.PutItem(with(t.Context(), "if-match", `"`+item.GetEtag()+`"`), &conformancev1.PutItemRequest{
				Id: "a", Item: &conformancev1.Item{DisplayName: "x"},
			})
			if err == nil {
				won <- struct{}{}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil || len(won) != 1 {
		t.Errorf("%d have won: %v", len(won), err)
	}
}

func TestJobs(t *testing.T) {
	t.Parallel()
	c := client()
	for name, test := range map[string]struct {
		wait   string
		lasts  int32
		done   bool
		status []string
	}{
		"no wait":        {"", 5000, false, nil},
		"at once":        {"0", 5000, false, nil},
		"waits":          {"5", 5, true, []string{"200"}},
		"is done anyhow": {"0", 0, true, []string{"200"}},
	} {
		ctx := t.Context()
		if test.wait != "" {
			ctx = with(ctx, "prefer-wait", test.wait)
		}
		var header metadata.MD
		started, err := c.StartJob(ctx, &conformancev1.StartJobRequest{Milliseconds: test.lasts, Error: &spb.Status{Code: 5}}, grpc.Header(&header))
		if err != nil || started.GetDone() != test.done || (started.GetError() != nil) != test.done || !slices.Equal(header["statusway-status"], test.status) {
			t.Errorf("%s: %v %v %v", name, started, header, err)
		}
		if found, err := c.GetJob(t.Context(), &conformancev1.GetJobRequest{Name: started.GetName()}); err != nil || found.GetName() != started.GetName() {
			t.Errorf("%s: %v %v", name, found, err)
		}
	}
}

func TestSleepEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := client().Sleep(ctx, &conformancev1.SleepRequest{Milliseconds: 10000}); status.Code(err) != codes.DeadlineExceeded {
		t.Error(err)
	}
}

// A call ends as it is told, and its metadata comes where it is told.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	c := client()
	asked := &spb.Status{Code: 17, Message: "Beyond."}
	withDetail, err := status.New(codes.NotFound, "No.").WithDetails(&errdetails.Help{})
	if err != nil {
		t.Fatal(err)
	}
	for _, placement := range []conformancev1.Placement{
		conformancev1.Placement_PLACEMENT_UNSPECIFIED, conformancev1.Placement_PLACEMENT_HEADER,
		conformancev1.Placement_PLACEMENT_TRAILER, conformancev1.Placement_PLACEMENT_TRAILERS_ONLY,
	} {
		for _, want := range []*spb.Status{nil, asked, withDetail.Proto()} {
			for _, delivery := range []conformancev1.Delivery{conformancev1.Delivery_DELIVERY_DETAILS, conformancev1.Delivery_DELIVERY_PLAIN} {
				outcome := &conformancev1.Outcome{Status: want, Delivery: delivery, Placement: placement, Metadata: map[string]string{"x-info": "1"}}
				details := len(want.GetDetails())
				if delivery == conformancev1.Delivery_DELIVERY_PLAIN {
					details = 0
				}
				var header, trailer metadata.MD
				_, err := c.Respond(t.Context(), outcome, grpc.Header(&header), grpc.Trailer(&trailer))
				got := status.Convert(err).Proto()
				if got.GetCode() != want.GetCode() || got.GetMessage() != want.GetMessage() || len(got.GetDetails()) != details {
					t.Errorf("%v: %v", outcome, got)
				}
				asTrailer := placement == conformancev1.Placement_PLACEMENT_TRAILER || placement == conformancev1.Placement_PLACEMENT_TRAILERS_ONLY
				if (len(trailer["x-info"]) == 1) != asTrailer || (len(header["x-info"]) == 1) == asTrailer {
					t.Errorf("%v: header %v, trailer %v", outcome, header, trailer)
				}
				stream, err := c.WatchItems(t.Context(), &conformancev1.WatchItemsRequest{Count: 2, Outcome: outcome})
				if err != nil {
					t.Fatal(err)
				}
				received := 0
				for err == nil {
					if _, err = stream.Recv(); err == nil {
						received++
					}
				}
				if ended := status.Code(err); received != 2 || want.GetCode() != 0 && ended != codes.Code(want.GetCode()) {
					t.Errorf("%v: %d items, and then %v", outcome, received, err)
				}
			}
		}
	}
}

func TestEcho(t *testing.T) {
	t.Parallel()
	got, err := client().Echo(with(t.Context(), "x-a", "1", "x-a", "2", "x-b-bin", "\x00"), &conformancev1.EchoRequest{Number: 7})
	if err != nil {
		t.Fatal(err)
	}
	if got.GetRequest().GetNumber() != 7 || !slices.Equal(got.GetMetadata()["x-a"].GetValues(), []string{"1", "2"}) || got.GetMetadata()["x-b-bin"] != nil {
		t.Error(got)
	}
	if _, err := client().GetEndedItem(t.Context(), &conformancev1.GetItemRequest{}); status.Code(err) != codes.Unimplemented {
		t.Error(err)
	}
}
