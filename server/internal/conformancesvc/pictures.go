package conformancesvc

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"slices"
	"strconv"
	"sync"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	conformancev1 "github.com/statusway/statusway/gen/go/statusway/conformance/v1"
)

const (
	// MaxPictures is how many pictures are kept.
	MaxPictures = 256
	// maxChunk is how many bytes a message of Download has at most.
	maxChunk = 1 << 20
	// pictureChunk is how many bytes a message of StreamPicture has at most.
	pictureChunk = 4
	// letters is how many letters the messages of Download go through.
	letters = 26
)

// pictures are the newest pictures by id.
type pictures struct {
	mu   sync.Mutex
	byID kept[*httpbody.HttpBody]
}

func newPictures() *pictures { return &pictures{byID: newKept[*httpbody.HttpBody](MaxPictures)} }

// PutPicture implements StreamService.
func (s *Streams) PutPicture(_ context.Context, request *conformancev1.PutPictureRequest) (*conformancev1.PutPictureResponse, error) {
	picture := request.GetPicture()
	s.pictures.mu.Lock()
	defer s.pictures.mu.Unlock()
	if _, ok := s.pictures.byID.byKey[request.GetId()]; ok {
		s.pictures.byID.remove(request.GetId())
	}
	s.pictures.byID.add(request.GetId(), picture)
	sum := sha256.Sum256(picture.GetData())
	return &conformancev1.PutPictureResponse{
		Id: request.GetId(), Caption: request.GetCaption(), ContentType: picture.GetContentType(),
		Size: int64(len(picture.GetData())), Sha256: hex.EncodeToString(sum[:]),
	}, nil
}

// GetPicture implements StreamService.
func (s *Streams) GetPicture(_ context.Context, request *conformancev1.GetPictureRequest) (*conformancev1.GetPictureResponse, error) {
	s.pictures.mu.Lock()
	defer s.pictures.mu.Unlock()
	picture, ok := s.pictures.byID.byKey[request.GetId()]
	if !ok {
		return nil, fail(codes.NotFound, "PICTURE_NOT_FOUND", "There is no picture "+strconv.Quote(request.GetId())+".")
	}
	return &conformancev1.GetPictureResponse{Id: request.GetId(), Picture: picture}, nil
}

// StreamPicture implements StreamService.
func (s *Streams) StreamPicture(request *conformancev1.GetPictureRequest, stream grpc.ServerStreamingServer[conformancev1.GetPictureResponse]) error {
	whole, err := s.GetPicture(stream.Context(), request)
	if err != nil {
		return err
	}
	contentType := whole.GetPicture().GetContentType()
	for part := range slices.Chunk(whole.GetPicture().GetData(), pictureChunk) {
		picture := &httpbody.HttpBody{ContentType: contentType, Data: part}
		if err := stream.Send(&conformancev1.GetPictureResponse{Id: request.GetId(), Picture: picture}); err != nil {
			return err
		}
		contentType = ""
	}
	return nil
}

// Upload implements StreamService.
func (s *Streams) Upload(stream grpc.ClientStreamingServer[httpbody.HttpBody, conformancev1.UploadResponse]) error {
	received := received{sum: sha256.New()}
	end := func() {}
	defer func() { end() }()
	for first := true; ; first = false {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return stream.SendAndClose(received.response())
		}
		if err != nil {
			return awaitEnd(stream.Context(), err)
		}
		if first {
			end = s.calls.begin(stream.Context(), message.GetContentType())
		}
		received.add(message)
	}
}

// received is the part of an upload that has arrived.
type received struct {
	messages int32
	size     int64
	sum      hash.Hash
	types    []string
}

func (r *received) add(message *httpbody.HttpBody) {
	if len(message.GetData()) > 0 {
		r.messages++
	}
	r.size += int64(len(message.GetData()))
	r.sum.Write(message.GetData())
	if kind := message.GetContentType(); kind != "" && !slices.Contains(r.types, kind) {
		r.types = append(r.types, kind)
	}
}

func (r *received) response() *conformancev1.UploadResponse {
	return &conformancev1.UploadResponse{
		Messages: r.messages, Size: r.size, Sha256: hex.EncodeToString(r.sum.Sum(nil)), ContentTypes: r.types,
	}
}

// Download implements StreamService.
func (*Streams) Download(request *conformancev1.DownloadRequest, stream grpc.ServerStreamingServer[httpbody.HttpBody]) error {
	if err := sendHeader(stream.Context(), request.GetOutcome()); err != nil {
		return err
	}
	size := int(min(max(0, request.GetSize()), maxChunk))
	for i := range min(int(request.GetCount()), mostItems) {
		message := &httpbody.HttpBody{Data: bytes.Repeat([]byte{byte('a' + i%letters)}, size)}
		if i == 0 {
			message.ContentType = request.GetContentType()
		}
		if err := stream.Send(message); err != nil {
			return err
		}
	}
	return finish(stream.Context(), request.GetOutcome())
}
