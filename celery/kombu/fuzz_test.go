package kombu

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

func FuzzParseMessage(f *testing.F) {
	for _, s := range []string{
		`{"body": "W10=", "content-encoding": "utf-8", "content-type": "application/json", "headers": {"a": [1]}, "properties": {"correlation_id": "c", "delivery_mode": 2, "delivery_info": {"exchange": "", "routing_key": "q"}, "priority": 0, "body_encoding": "base64", "delivery_tag": "t"}}`,
		`{"headers":{"redelivered":false},"properties":{"delivery_tag":7,"delivery_info":{"routing_key":"q","redelivered":null},"x":{"__type__":"date","__value__":"2024-01-01"}},"e":NaN}`,
		`{"properties":{"delivery_info":{},"delivery_tag":"\ud800"},"body":{"__type__":"bytes","__value__":"x"}}`, `[]`, ``, "{\"a\xff\":1}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseMessage(data)
		if err != nil {
			return
		}
		// What has been read can be written, and read again with the same meaning.
		out, err := m.Marshal()
		if err != nil {
			t.Fatalf("%q: %v", data, err)
		}
		again, err := ParseMessage(out)
		if err != nil {
			t.Fatalf("%q written as %q: %v", data, out, err)
		}
		if !bytes.Equal(m.Body, again.Body) || m.Properties.DeliveryTag != again.Properties.DeliveryTag || len(m.Headers) != len(again.Headers) {
			t.Fatalf("%q written as %q", data, out)
		}
		marked, err := markRedelivered(data)
		if err != nil {
			t.Fatalf("%q: %v", data, err)
		}
		if m, err = ParseMessage(marked); err != nil || !m.Properties.DeliveryInfo.Redelivered {
			t.Fatalf("%q marked as %q: %v", data, marked, err)
		}
		_, _ = m.Decode(Accept{ContentJSON: true, ContentYAML: true, ContentMsgpack: true})
	})
}

func FuzzDecodeJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5,-0,1e5,null,true,"\u00e9\ud83d\ude00"]}`, `NaN`, `[-Infinity]`, `123456789012345678901`, `{"__type__":"uuid","__value__":{"hex":"12345678123456781234567812345678"}}`, `[[[[`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := DecodeJSON(data)
		if json.Valid(data) && err != nil {
			// Go's decoder takes what Python doesn't only beyond our limits and for marked values.
			if !bytes.Contains(data, []byte("__")) && !bytes.Contains(data, []byte(`\u005`)) && len(data) < MaxDepth && isUTF8(data) {
				t.Fatalf("%q: %v", data, err)
			}
		}
		if err != nil {
			return
		}
		out, err := EncodeJSON(v)
		if err != nil {
			t.Fatalf("%q: %v", data, err)
		}
		if _, err := DecodeJSON(out); err != nil {
			t.Fatalf("%q written as %q: %v", data, out, err)
		}
	})
}

func isUTF8(b []byte) bool { return bytes.Equal(bytes.ToValidUTF8(b, nil), b) }

func FuzzDecodeBody(f *testing.F) {
	for _, ct := range []string{ContentJSON, ContentYAML, ContentMsgpack} {
		f.Add([]byte("\x82\xa1a\x01\xa1b\x93\xc0\xc3\xcb\x00\x00\x00\x00\x00\x00\x00\x00"), ct)
		f.Add([]byte("a: &x [1, 0x10, 1:30, 2001-12-14t21:59:43.10-05:00, !!binary aGk=]\nb: {<<: {c: *x}}"), ct)
	}
	f.Fuzz(func(t *testing.T, data []byte, ct string) {
		a, err := Deserialize(data, ct, "utf-8", Accept{ContentJSON: true, ContentYAML: true, ContentMsgpack: true})
		if err != nil || ct != ContentMsgpack {
			return
		}
		out, err := encodeMsgpack(a)
		if err != nil {
			return // a timestamp
		}
		b, err := decodeMsgpack(out)
		if err != nil {
			t.Fatalf("%x written as %x: %v", data, out, err)
		}
		if x, err := encodeMsgpack(b); err != nil || !bytes.Equal(x, out) && !reflect.DeepEqual(a, b) {
			t.Fatalf("%x written as %x: %v", data, out, err)
		}
	})
}

func FuzzDecompress(f *testing.F) {
	for _, n := range []string{"gzip", "bzip2", "lzma", "zstd", "brotli"} {
		b, _, err := Compress([]byte("some text some text"), n)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, n)
	}
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		out, err := decompress(data, name, 1<<20)
		if err == nil && len(out) > 1<<20 {
			t.Fatalf("%d bytes", len(out))
		}
	})
}

func FuzzParseURL(f *testing.F) {
	for _, s := range []string{"redis://u:p%40@h:1/2", "redis+socket:///p?virtual_host=3", "sentinel://:x@a:1/0;sentinel://b", "rediss://[::1]:9/?ssl_cert_reqs=none"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if u, err := parseTarget(raw); err == nil {
			_ = u.String()
		}
	})
}
