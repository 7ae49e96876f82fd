package kombu

// Content types of the serializers.
const (
	ContentJSON    = "application/json"
	ContentYAML    = "application/x-yaml"
	ContentMsgpack = "application/x-msgpack"
	ContentPickle  = "application/x-python-serialize"
	ContentText    = "text/plain"
	ContentData    = "application/data"
)

// Accept is a set of content types that may be deserialized.
type Accept map[string]bool

// DefaultAccept is Celery's accept_content: JSON only.
func DefaultAccept() Accept { return Accept{ContentJSON: true} }

// ParseAccept turns accept_content, names ("json", "yaml", "msgpack") or content types, into a set. Pickle
// is allowed in the list, as Celery allows it, but is refused when a message arrives.
func ParseAccept(names []string) (Accept, error) { return parseAccept(names) }

// Decode undoes what Encode did: decompression as the header "compression" says, character set, serializer.
// The result is as DecodeJSON's: nil, bool, int64, *big.Int, float64, string, []byte, []any, map[string]any
// and the marked types. A content type outside accept gives ErrContentDisallowed with Celery's words,
// malformed bytes give ErrDecode. A nil accept means DefaultAccept.
func (m *Message) Decode(accept Accept) (any, error) { return m.decode(accept) }

// Payload returns the body after decompression and before the serializer, for callers that decode it into
// their own types. It enforces accept as Decode does.
func (m *Message) Payload(accept Accept) ([]byte, error) { return m.payload(accept) }

// Encode serializes v with a serializer's name ("json", "yaml", "msgpack", "raw"; "" is json), compresses it if
// compression is not empty ("gzip", "zlib", "bzip2", "lzma", "zstd", "brotli" or a content type), and sets
// body, content type, content encoding and the header "compression". Pickle is refused.
func (m *Message) Encode(v any, serializer, compression string) error {
	return m.encode(v, serializer, compression)
}

// Serialize encodes a value and returns its bytes, content type and content encoding.
func Serialize(v any, serializer string) (data []byte, contentType, contentEncoding string, err error) {
	return serialize(v, serializer)
}

// Deserialize decodes a payload of a content type and encoding, enforcing accept (nil: DefaultAccept).
func Deserialize(data []byte, contentType, contentEncoding string, accept Accept) (any, error) {
	return deserialize(data, contentType, contentEncoding, accept)
}

// DecodeJSON decodes a JSON text with Kombu's marked types. Integers become int64 or, beyond it, *big.Int;
// numbers with a fraction or an exponent become float64; the literals NaN, Infinity and -Infinity are taken.
// Of equal keys the last counts. Depth is limited to MaxDepth.
func DecodeJSON(data []byte) (any, error) { return decodeJSON(data) }

// EncodeJSON encodes a value as Python's json.dumps with Kombu's encoder would read it back: floats keep
// their point ("1.0"), bytes and times are marked, NaN and Infinity are literals. Structs, and types with a
// MarshalJSON method, are encoded by encoding/json.
func EncodeJSON(v any) ([]byte, error) { return appendJSON(nil, v, 0) }

// AppendJSON is EncodeJSON that appends to dst.
func AppendJSON(dst []byte, v any) ([]byte, error) { return appendJSON(dst, v, 0) }

// MaxDepth is the deepest nesting that is decoded or encoded (Python gives up near its recursion limit of 1000).
const MaxDepth = 900

// MaxBody is the largest body after decompression, in bytes: far more than a task's arguments have, and what a
// worker can bear to hold. Kombu has no limit.
const MaxBody = 128 << 20
