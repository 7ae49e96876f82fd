package kombu

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// serializerNames maps a serializer's name to its content type and encoding.
func serializerNames(name string) (contentType, encoding string, ok bool) {
	switch name {
	case "", "json":
		return ContentJSON, "utf-8", true
	case "yaml":
		return ContentYAML, "utf-8", true
	case "msgpack":
		return ContentMsgpack, "binary", true
	case "pickle":
		return ContentPickle, "binary", true
	}
	return "", "", false
}

// contentName is the name of a content type, the type itself if it has none.
func contentName(contentType string) string {
	for _, n := range []string{"json", "yaml", "msgpack", "pickle"} {
		if t, _, _ := serializerNames(n); t == contentType {
			return n
		}
	}
	return contentType
}

func parseAccept(names []string) (Accept, error) {
	a := Accept{}
	for _, n := range names {
		switch t, _, ok := serializerNames(n); {
		case strings.Contains(n, "/"):
			a[n] = true
		case ok && n != "":
			a[t] = true
		case n == "raw" || n == "data":
			a[ContentData] = true
		default:
			return nil, fmt.Errorf("%w: No encoder/decoder installed for %s", ErrSerializer, n)
		}
	}
	return a, nil
}

// check enforces the accepted types as Kombu does: raw data always passes, pickle never.
func (a Accept) check(contentType string) error {
	if contentType == ContentData || contentType == "application/text" {
		return nil
	}
	ok := a[contentType]
	if a == nil {
		ok = contentType == ContentJSON
	}
	if ok && contentType != ContentPickle {
		return nil
	}
	return &disallowed{contentType}
}

// disallowed is a refused content type; its text is Celery's.
type disallowed struct{ contentType string }

func (e *disallowed) Error() string {
	return fmt.Sprintf("Refusing to deserialize untrusted content of type %s (%s)", contentName(e.contentType), e.contentType)
}

func (e *disallowed) Is(target error) bool { return target == ErrContentDisallowed }

func (m *Message) payload(accept Accept) ([]byte, error) {
	ct := m.ContentType
	if ct == "" {
		ct = ContentData
	}
	if err := accept.check(ct); err != nil {
		return nil, err
	}
	switch comp := m.Headers["compression"].(type) {
	case nil:
		return m.Body, nil
	case string:
		if comp == "" {
			return m.Body, nil
		}
		return Decompress(m.Body, comp)
	default:
		return nil, fmt.Errorf("%w: header compression is a %T", ErrDecode, comp)
	}
}

func (m *Message) decode(accept Accept) (any, error) {
	body, err := m.payload(accept)
	if err != nil {
		return nil, err
	}
	return deserialize(body, m.ContentType, m.ContentEncoding, accept)
}

func (m *Message) encode(v any, serializer, compression string) error {
	body, ct, ce, err := serialize(v, serializer)
	if err != nil {
		return err
	}
	if compression != "" {
		var name string
		if body, name, err = Compress(body, compression); err != nil {
			return err
		}
		if m.Headers == nil {
			m.Headers = map[string]any{}
		}
		m.Headers["compression"] = name
	}
	m.Body, m.ContentType, m.ContentEncoding = body, ct, ce
	return nil
}

func serialize(v any, serializer string) (data []byte, contentType, encoding string, err error) {
	if serializer == "raw" {
		switch v := v.(type) {
		case []byte:
			return v, ContentData, "binary", nil
		case string:
			return []byte(v), ContentData, "utf-8", nil
		}
		return nil, "", "", fmt.Errorf("%w: raw takes text or bytes, not %T", ErrEncode, v)
	}
	contentType, encoding, ok := serializerNames(serializer)
	switch {
	case !ok:
		return nil, "", "", fmt.Errorf("%w: No encoder installed for %s", ErrSerializer, serializer)
	case contentType == ContentJSON:
		data, err = EncodeJSON(v)
	case contentType == ContentYAML:
		data, err = encodeYAML(v)
	case contentType == ContentMsgpack:
		data, err = encodeMsgpack(v)
	default:
		return nil, "", "", fmt.Errorf("%w: pickle is Python's own; use json, yaml or msgpack", ErrSerializer)
	}
	if err != nil {
		return nil, "", "", err
	}
	return data, contentType, encoding, nil
}

func deserialize(data []byte, contentType, encoding string, accept Accept) (any, error) {
	if contentType == "" {
		contentType = ContentData
	}
	if err := accept.check(contentType); err != nil {
		return nil, err
	}
	if len(data) == 0 {
		return []byte{}, nil // Kombu hands empty bodies on undecoded
	}
	switch contentType {
	case ContentJSON:
		return DecodeJSON(data)
	case ContentYAML:
		return decodeYAML(data)
	case ContentMsgpack:
		return decodeMsgpack(data)
	}
	switch strings.ToLower(encoding) {
	case "binary", "ascii-8bit":
		return bytes.Clone(data), nil
	}
	return decodeCharset(data, encoding)
}

// decodeCharset turns bytes of a character set into text.
func decodeCharset(data []byte, name string) (string, error) {
	switch strings.ToLower(name) {
	case "", "utf-8", "utf8":
		if !utf8.Valid(data) {
			return "", fmt.Errorf("%w: the body is not utf-8", ErrDecode)
		}
		return string(data), nil
	case "ascii", "us-ascii":
		for _, c := range data {
			if c >= 0x80 {
				return "", fmt.Errorf("%w: the body is not us-ascii", ErrDecode)
			}
		}
		return string(data), nil
	case "latin-1", "latin1", "iso-8859-1":
		r := make([]rune, len(data))
		for i, c := range data {
			r[i] = rune(c)
		}
		return string(r), nil
	case "utf-16", "utf-16-le", "utf-16le", "utf-16-be", "utf-16be":
		return decodeUTF16(data, name)
	}
	return "", fmt.Errorf("%w: unknown content encoding %.60q", ErrDecode, name)
}

func decodeUTF16(data []byte, name string) (string, error) {
	if len(data)%2 != 0 {
		return "", fmt.Errorf("%w: the body is not %s", ErrDecode, name)
	}
	big := strings.HasSuffix(strings.ToLower(name), "be")
	if strings.EqualFold(name, "utf-16") && len(data) >= 2 {
		switch {
		case data[0] == 0xfe && data[1] == 0xff:
			big, data = true, data[2:]
		case data[0] == 0xff && data[1] == 0xfe:
			data = data[2:]
		}
	}
	u := make([]uint16, len(data)/2)
	for i := range u {
		lo, hi := data[2*i], data[2*i+1]
		if big {
			lo, hi = hi, lo
		}
		u[i] = uint16(hi)<<8 | uint16(lo)
	}
	return string(utf16.Decode(u)), nil
}
