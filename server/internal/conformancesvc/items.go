package conformancesvc

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	conformancev1 "github.com/statusway/statusway/gen/go/statusway/conformance/v1"
)

const (
	defaultPage = 50
	largestPage = 1000
	longestID   = 128
)

// ListItems implements ConformanceService.
func (s *Service) ListItems(_ context.Context, request *conformancev1.ListItemsRequest) (*conformancev1.ListItemsResponse, error) {
	after, err := base64.RawURLEncoding.DecodeString(request.GetPageToken())
	if err != nil || request.GetPageToken() != "" && !utf8.Valid(after) {
		return nil, fail(codes.InvalidArgument, "PAGE_TOKEN_INVALID", "The page token is none of this list's.")
	}
	size := int(request.GetPageSize())
	if size <= 0 {
		size = defaultPage
	}
	size = min(size, largestPage)
	s.mu.Lock()
	defer s.mu.Unlock()
	response := &conformancev1.ListItemsResponse{}
	for _, id := range slices.Sorted(maps.Keys(s.items.byKey)) {
		if id <= string(after) || !strings.HasPrefix(id, request.GetPrefix()) {
			continue
		}
		if len(response.GetItems()) == size {
			response.NextPageToken = base64.RawURLEncoding.EncodeToString([]byte(response.GetItems()[size-1].GetId()))
			break
		}
		response.Items = append(response.Items, clone(s.items.byKey[id]))
	}
	return response, nil
}

// clone is what leaves the lock.
func clone(item *conformancev1.Item) *conformancev1.Item {
	copied, _ := proto.Clone(item).(*conformancev1.Item) // Clone keeps the type.
	return copied
}

// GetItem implements ConformanceService.
func (s *Service) GetItem(_ context.Context, request *conformancev1.GetItemRequest) (*conformancev1.Item, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	item, err := s.item(request.GetId())
	return clone(item), err
}

// GetOldItem implements ConformanceService. That it is old is nothing to the backend.
func (s *Service) GetOldItem(ctx context.Context, request *conformancev1.GetItemRequest) (*conformancev1.Item, error) {
	return s.GetItem(ctx, request)
}

func (s *Service) item(id string) (*conformancev1.Item, error) {
	item, ok := s.items.byKey[id]
	if !ok {
		return nil, fail(codes.NotFound, "ITEM_NOT_FOUND", "There is no item "+strconv.Quote(id)+".")
	}
	return item, nil
}

// CreateItem implements ConformanceService.
func (s *Service) CreateItem(_ context.Context, request *conformancev1.CreateItemRequest) (*conformancev1.Item, error) {
	id := request.GetItem().GetId()
	if id == "" {
		id = strings.ToLower(rand.Text())
	}
	if err := check(id, request.GetItem().GetDisplayName()); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.item(id); err == nil {
		return nil, fail(codes.AlreadyExists, "ITEM_EXISTS", "There is an item "+strconv.Quote(id)+" already.")
	}
	return s.create(id, request.GetItem()), nil
}

func check(id, displayName string) error {
	if displayName == "" || utf8.RuneCountInString(id) > longestID {
		return fail(codes.InvalidArgument, "ITEM_INVALID", "An item needs a display name, and an id of at most 128 characters.")
	}
	return nil
}

// create stores a new item. The lock is held.
func (s *Service) create(id string, from *conformancev1.Item) *conformancev1.Item {
	item := &conformancev1.Item{Id: id, DisplayName: from.GetDisplayName(), Labels: from.GetLabels()}
	s.touch(item)
	item.CreateTime = item.GetUpdateTime()
	s.items.add(id, item)
	return clone(item)
}

// touch makes another version of an item. The lock is held.
func (s *Service) touch(item *conformancev1.Item) {
	s.versions++
	item.Etag = s.run + "-" + strconv.Itoa(s.versions)
	item.UpdateTime = timestamppb.New(s.now())
}

// PutItem implements ConformanceService.
func (s *Service) PutItem(ctx context.Context, request *conformancev1.PutItemRequest) (*conformancev1.Item, error) {
	if err := check(request.GetId(), request.GetItem().GetDisplayName()); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	item := s.items.byKey[request.GetId()]
	if err := s.allow(ctx, item, request.GetItem().GetEtag()); err != nil {
		return nil, err
	}
	if item == nil {
		return s.create(request.GetId(), request.GetItem()), grpc.SetHeader(ctx, metadata.Pairs("statusway-status", "201"))
	}
	item.DisplayName, item.Labels = request.GetItem().GetDisplayName(), request.GetItem().GetLabels()
	s.touch(item)
	return clone(item), nil
}

// UpdateItem implements ConformanceService.
func (s *Service) UpdateItem(ctx context.Context, request *conformancev1.UpdateItemRequest) (*conformancev1.Item, error) {
	named := slices.Contains(request.GetUpdateMask().GetPaths(), "display_name")
	s.mu.Lock()
	defer s.mu.Unlock()
	item, err := s.item(request.GetItem().GetId())
	if err != nil {
		return nil, err
	}
	if err := s.allow(ctx, item, request.GetItem().GetEtag()); err != nil {
		return nil, err
	}
	if named {
		if err := check(item.GetId(), request.GetItem().GetDisplayName()); err != nil {
			return nil, err
		}
		item.DisplayName = request.GetItem().GetDisplayName()
	}
	labelled := slices.Contains(request.GetUpdateMask().GetPaths(), "labels")
	if labelled {
		item.Labels = request.GetItem().GetLabels()
	}
	if named || labelled {
		s.touch(item)
	}
	return clone(item), nil
}

// DeleteItem implements ConformanceService.
func (s *Service) DeleteItem(ctx context.Context, request *conformancev1.DeleteItemRequest) (*emptypb.Empty, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	item, err := s.item(request.GetId())
	if err != nil {
		return nil, err
	}
	if err := s.allow(ctx, item, ""); err != nil {
		return nil, err
	}
	s.items.remove(request.GetId())
	return &emptypb.Empty{}, nil
}
