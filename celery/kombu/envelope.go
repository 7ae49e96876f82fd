package kombu

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// ParseMessage decodes an envelope: {"body", "content-type", "content-encoding", "headers", "properties"}.
// Properties with a tag, an exchange and a routing key are required, as Kombu's consumers need them. The
// message keeps data, which must not be changed afterwards.
func ParseMessage(data []byte) (*Message, error) {
	m := &Message{raw: data}
	if err := m.parse(data); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEnvelope, err)
	}
	return m, nil
}

func (m *Message) parse(data []byte) error {
	if !utf8.Valid(data) {
		return errors.New("not UTF-8")
	}
	// The texts of the message share the bytes of its raw form, which nobody changes.
	r := jsonReader{s: data, t: unsafe.String(unsafe.SliceData(data), len(data))}
	var body []byte // as in the envelope
	var hasProperties bool
	err := r.members(func(key string) (err error) {
		switch key {
		case "body":
			body, err = r.skip(0)
		case "content-type":
			err = r.optional(&m.ContentType)
		case "content-encoding":
			err = r.optional(&m.ContentEncoding)
		case "headers":
			m.Headers, err = r.mapping(min(24, len(data)/32)) // Celery's
		case "properties":
			hasProperties = true
			err = m.Properties.parse(&r)
		default:
			if m.Extra == nil {
				m.Extra = map[string]any{}
			}
			m.Extra[key], err = r.value(0)
		}
		return err
	})
	if err != nil {
		return err
	}
	if r.space(); r.i != len(data) {
		return r.fail("extra data")
	}
	if !hasProperties {
		return errors.New("no properties")
	}
	if m.Properties.DeliveryTag == "" {
		return errors.New("no delivery_tag")
	}
	return m.parseBody(body)
}

func (m *Message) parseBody(text []byte) error {
	encoding := strings.ToLower(m.Properties.BodyEncoding)
	if encoding != "base64" && encoding != "utf-8" && encoding != "none" {
		return fmt.Errorf("unknown body_encoding %.40q", m.Properties.BodyEncoding)
	}
	if len(text) == 0 || string(text) == "null" {
		return nil
	}
	r := jsonReader{s: text}
	if text[0] == '{' {
		// Bytes that were not base64-encoded travel as a marked value.
		v, err := r.value(1)
		if b, ok := v.([]byte); ok && err == nil {
			m.Body = b
			return nil
		}
	}
	if text[0] != '"' {
		return errors.New("the body is neither text nor bytes")
	}
	raw, plain, err := r.span()
	if err != nil {
		return err
	}
	if !plain {
		raw = []byte(unescape(raw))
	}
	if encoding != "base64" {
		m.Body = raw
		return nil
	}
	if m.Body, err = decodeBase64(raw); err != nil {
		return fmt.Errorf("body: %w", err)
	}
	return nil
}

// decodeBase64 skips what is not of the alphabet, as Python's b64decode.
func decodeBase64(text []byte) ([]byte, error) {
	out := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(out, text)
	if err == nil {
		return out[:n], nil
	}
	clean := make([]byte, 0, len(text))
	for _, c := range text {
		if c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '=' {
			clean = append(clean, c)
		}
	}
	n, err = base64.StdEncoding.Decode(out, clean)
	return out[:n], err
}

// optional reads text or null.
func (r *jsonReader) optional(p *string) error {
	if r.peek() == '"' {
		var err error
		*p, err = r.text()
		return err
	}
	if !r.literal("null") {
		return r.fail("no text")
	}
	*p = ""
	return nil
}

// mapping reads an object or null; marked values inside are decoded, the object itself is never one.
// size is the number of members to expect.
func (r *jsonReader) mapping(size int) (map[string]any, error) {
	if r.peek() == 'n' && r.literal("null") {
		return nil, nil
	}
	out := make(map[string]any, size)
	err := r.members(func(key string) (err error) {
		out[key], err = r.value(1)
		return err
	})
	return out, err
}

func (p *Properties) parse(r *jsonReader) error {
	var hasInfo bool
	err := r.members(func(key string) (err error) {
		// A property of an unexpected type is kept in Extra, except for those that deliveries need.
		c := r.peek()
		text := c == '"' || c == 'n'
		switch {
		case key == "correlation_id" && text:
			return r.optional(&p.CorrelationID)
		case key == "reply_to" && text:
			return r.optional(&p.ReplyTo)
		case key == "expiration" && text:
			return r.optional(&p.Expiration)
		case key == "body_encoding" && text:
			p.BodyEncoding = ""
			if err = r.optional(&p.BodyEncoding); p.BodyEncoding == "" {
				p.BodyEncoding = "none"
			}
			return err
		case key == "delivery_tag":
			v, err := r.value(1)
			switch v := v.(type) {
			case string:
				p.DeliveryTag = v
			case int64:
				p.DeliveryTag = strconv.FormatInt(v, 10)
			}
			return err
		case key == "delivery_info" && c == '{':
			hasInfo = true
			return p.DeliveryInfo.parse(r)
		}
		v, err := r.value(1)
		if err != nil {
			return err
		}
		switch n, isInt := v.(int64); {
		case key == "delivery_mode" && isInt && n >= math.MinInt32 && n <= math.MaxInt32:
			p.DeliveryMode = int(n)
		case key == "priority" && isInt && n >= math.MinInt32 && n <= math.MaxInt32:
			p.Priority = int(n)
		default:
			if p.Extra == nil {
				p.Extra = map[string]any{}
			}
			p.Extra[key] = v
		}
		return nil
	})
	if err == nil && !hasInfo {
		err = errors.New("no delivery_info")
	}
	if p.BodyEncoding == "" {
		p.BodyEncoding = "none"
	}
	return err
}

func (d *DeliveryInfo) parse(r *jsonReader) error {
	return r.members(func(key string) (err error) {
		switch c := r.peek(); {
		case key == "exchange" && (c == '"' || c == 'n'):
			return r.optional(&d.Exchange)
		case key == "routing_key" && (c == '"' || c == 'n'):
			return r.optional(&d.RoutingKey)
		}
		v, err := r.value(2)
		if b, ok := v.(bool); ok && key == "redelivered" {
			d.Redelivered = b
			return err
		}
		if d.Extra == nil {
			d.Extra = map[string]any{}
		}
		d.Extra[key] = v
		return err
	})
}

// Marshal encodes the envelope. Fields that are empty are left out where Kombu leaves them out.
func (m *Message) Marshal() ([]byte, error) { return m.appendTo(nil, "base64") }

// appendTo appends the envelope; encoding is that of a body whose message names none.
func (m *Message) appendTo(dst []byte, encoding string) ([]byte, error) {
	p := &m.Properties
	if p.BodyEncoding != "" {
		encoding = p.BodyEncoding
	}
	encoding = strings.ToLower(encoding)
	if dst == nil {
		dst = make([]byte, 0, 512+len(m.Body)*4/3)
	}
	dst = append(dst, `{"body": `...)
	switch encoding {
	case "base64":
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, m.Body)
		dst = append(dst, '"')
	case "utf-8", "none":
		if !utf8.Valid(m.Body) && encoding == "none" { // as Kombu with body_encoding None
			var err error
			if dst, err = appendJSON(dst, m.Body, 1); err != nil {
				return nil, err
			}
			break
		}
		if !utf8.Valid(m.Body) {
			return nil, fmt.Errorf("%w: a body of bytes needs body_encoding base64", ErrEncode)
		}
		dst = appendString(dst, string(m.Body))
	default:
		return nil, fmt.Errorf("%w: unknown body_encoding %q", ErrEncode, encoding)
	}
	dst = appendField(dst, "content-encoding", m.ContentEncoding)
	dst = appendField(dst, "content-type", m.ContentType)
	dst = append(dst, `, "headers": `...)
	var err error
	if m.Headers == nil {
		dst = append(dst, "{}"...)
	} else if dst, err = appendMap(dst, m.Headers, 1); err != nil {
		return nil, err
	}
	if dst, err = p.appendTo(append(dst, `, "properties": `...), encoding); err != nil {
		return nil, err
	}
	if dst, err = appendExtra(dst, m.Extra); err != nil {
		return nil, err
	}
	return append(dst, '}'), nil
}

// appendField appends a member whose empty value is null.
func appendField(dst []byte, name, value string) []byte {
	dst = append(append(append(dst, `, "`...), name...), `": `...)
	if value == "" {
		return append(dst, "null"...)
	}
	return appendString(dst, value)
}

func appendExtra(dst []byte, extra map[string]any) ([]byte, error) {
	var err error
	for _, k := range slices.Sorted(maps.Keys(extra)) {
		dst = append(appendString(append(dst, ", "...), k), ": "...)
		if dst, err = appendJSON(dst, extra[k], 1); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

func (p *Properties) appendTo(dst []byte, encoding string) ([]byte, error) {
	mode := p.DeliveryMode
	if mode == 0 {
		mode = 2
	}
	dst = append(dst, `{"delivery_mode": `...)
	dst = strconv.AppendInt(dst, int64(mode), 10)
	dst = append(dst, `, "delivery_info": {"exchange": `...)
	dst = appendString(dst, p.DeliveryInfo.Exchange)
	dst = append(dst, `, "routing_key": `...)
	dst = appendString(dst, p.DeliveryInfo.RoutingKey)
	if p.DeliveryInfo.Redelivered {
		dst = append(dst, `, "redelivered": true`...)
	}
	dst, err := appendExtra(dst, p.DeliveryInfo.Extra)
	if err != nil {
		return nil, err
	}
	dst = append(dst, '}')
	if p.CorrelationID != "" {
		dst = appendField(dst, "correlation_id", p.CorrelationID)
	}
	if p.ReplyTo != "" {
		dst = appendField(dst, "reply_to", p.ReplyTo)
	}
	if p.Expiration != "" {
		dst = appendField(dst, "expiration", p.Expiration)
	}
	dst = append(dst, `, "priority": `...)
	dst = strconv.AppendInt(dst, int64(p.Priority), 10)
	if encoding == "none" {
		encoding = ""
	}
	dst = appendField(dst, "body_encoding", encoding)
	dst = appendField(dst, "delivery_tag", p.DeliveryTag)
	if dst, err = appendExtra(dst, p.Extra); err != nil {
		return nil, err
	}
	return append(dst, '}'), nil
}
