package kombu

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"healpipe/celery/internal/pyrepr"
	"healpipe/internal/testenv"
)

// samples are Python expressions and the Go values that stand for them.
func samples() []struct {
	python string
	value  any
} {
	huge, _ := new(big.Int).SetString("123456789012345678901234567890", 10)
	kathmandu := time.FixedZone("", 5*3600+45*60)
	return []struct {
		python string
		value  any
	}{
		{"None", nil},
		{"[True, False]", []any{true, false}},
		{"[0, -1, 2**53, -2**63, 2**63-1]", []any{int64(0), int64(-1), int64(1 << 53), int64(math.MinInt64), int64(math.MaxInt64)}},
		{"[1.0, -0.5, 1e16, 1e-05, 0.0001, 1.7976931348623157e308, 5e-324, 123456789.125]", []any{
			1.0, -0.5, 1e16, 1e-05, 0.0001, math.MaxFloat64, math.SmallestNonzeroFloat64, 123456789.125,
		}},
		{"123456789012345678901234567890", huge},
		{"[float('inf'), float('-inf')]", []any{math.Inf(1), math.Inf(-1)}},
		{`["", "a\"b\\c/d", "tab\there\n", "\u00e9\u4e16\U0001f600", "\x00\x1f\x7f\x85\u2028", "yes", "010", "1:30", "null", "=", "<<", "2024-01-01", "1e3"]`, []any{
			"", "a\"b\\c/d", "tab\there\n", "é世😀", "\x00\x1f\x7f\u0085\u2028", "yes", "010", "1:30", "null", "=", "<<", "2024-01-01", "1e3",
		}},
		{"{}", map[string]any{}},
		{"[[], [{}], {'a': {'b': [1, [2, {'c': None}]]}}]", []any{
			[]any{}, []any{map[string]any{}}, map[string]any{"a": map[string]any{"b": []any{int64(1), []any{int64(2), map[string]any{"c": nil}}}}},
		}},
		{"datetime(2024, 2, 29, 23, 59, 59, 1500)", DateTime{time.Date(2024, 2, 29, 23, 59, 59, 1500000, time.UTC), true}},
		{"datetime(1, 1, 1)", DateTime{time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), true}},
		{"datetime(2024, 6, 1, 12, tzinfo=timezone.utc)", DateTime{time.Date(2024, 6, 1, 12, 0, 0, 0, time.UTC), false}},
		{"datetime(2024, 6, 1, 12, tzinfo=timezone(timedelta(hours=5, minutes=45)))", DateTime{time.Date(2024, 6, 1, 12, 0, 0, 0, kathmandu), false}},
		{"date(2024, 2, 29)", Date{time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)}},
		{"time(12, 30, 0, 1)", TimeOfDay("12:30:00.000001")},
		{"Decimal('-1.10')", Decimal("-1.10")},
		{"UUID('12345678123456781234567812345678')", uuid.MustParse("12345678-1234-5678-1234-567812345678")},
		{"b'text'", []byte("text")},
		{"b'\\xff\\x00'", []byte{0xff, 0}},
	}
}

const pythonPrelude = `
import base64, json, sys
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID
from kombu.serialization import dumps, loads
def expressions(): return [eval(e) for e in json.loads(sys.argv[1])]
`

func comparer() cmp.Options {
	return cmp.Options{
		cmp.Comparer(func(a, b *big.Int) bool { return a.Cmp(b) == 0 }),
		cmp.Comparer(func(a, b DateTime) bool { return a.formatISO() == b.formatISO() && a.Naive == b.Naive }),
		cmp.Comparer(func(a, b Date) bool { return a.Format(time.DateOnly) == b.Format(time.DateOnly) }),
	}
}

// TestSerializersAgainstKombu lets Kombu write what we read, and read what we write.
func TestSerializersAgainstKombu(t *testing.T) {
	t.Parallel()
	accept := Accept{ContentJSON: true, ContentYAML: true}
	for _, name := range []string{"json", "yaml"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var exprs []string
			var values []any
			for _, s := range samples() {
				if _, _, _, err := Serialize(s.value, name); err != nil {
					if name == "yaml" && errors.Is(err, ErrEncode) {
						continue // PyYAML's safe_dump can't either, see below
					}
					t.Fatalf("%s: %v", s.python, err)
				}
				exprs, values = append(exprs, s.python), append(values, s.value)
			}
			if name == "yaml" {
				// PyYAML's UUID is refused by safe_dump; ours would be written as its JSON.
				for i, v := range values {
					if _, ok := v.(uuid.UUID); ok {
						t.Fatalf("%s was serialized", exprs[i])
					}
				}
			}
			list, _ := json.Marshal(exprs)
			out := testenv.RunPython(t, pythonPrelude+`
for v in expressions():
    ct, ce, data = dumps(v, sys.argv[2])
    data = data if isinstance(data, bytes) else data.encode()
    print(ct, ce, base64.b64encode(data).decode())
`, string(list), name)
			var ours []string
			for i, line := range strings.Split(strings.TrimSpace(out), "\n") {
				f := strings.Fields(line)
				data, err := base64.StdEncoding.DecodeString(f[2])
				if err != nil {
					t.Fatal(err)
				}
				got, err := Deserialize(data, f[0], f[1], accept)
				if err != nil {
					t.Errorf("%s: %v in %q", exprs[i], err, data)
					continue
				}
				if diff := cmp.Diff(values[i], got, comparer()); diff != "" {
					t.Errorf("%s from %q: %s", exprs[i], data, diff)
				}
				mine, ct, ce, err := Serialize(values[i], name)
				if err != nil || ct != f[0] || ce != f[1] {
					t.Errorf("%s: %s %s %v", exprs[i], ct, ce, err)
				}
				ours = append(ours, base64.StdEncoding.EncodeToString(mine))
			}
			enc, _ := json.Marshal(ours)
			ct, ce, _ := serializerNames(name)
			diff := testenv.RunPython(t, pythonPrelude+`
for e, want, text in zip(json.loads(sys.argv[1]), expressions(), json.loads(sys.argv[2])):
    data = base64.b64decode(text)
    got = loads(data, sys.argv[3], sys.argv[4], accept={sys.argv[3]})
    if repr(got) != repr(want): print(e, 'is', repr(got), 'from', data)
`, string(list), string(enc), ct, ce)
			if diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNaN(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"json", "yaml", "msgpack"} {
		data, ct, ce, err := Serialize(math.NaN(), name)
		if err != nil {
			t.Fatal(err)
		}
		v, err := Deserialize(data, ct, ce, Accept{ct: true})
		if f, ok := v.(float64); err != nil || !ok || !math.IsNaN(f) {
			t.Errorf("%s: %q is %v, %v", name, data, v, err)
		}
	}
}

// TestMsgpackVectors compares with bytes that msgpack-python 1.1 writes with use_bin_type, and with the forms of the
// specification that it never writes.
func TestMsgpackVectors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		bytes string
		value any
		write bool // we write the same bytes
	}{
		{"\xc0", nil, true},
		{"\xc3", true, true},
		{"\x7f", int64(127), true},
		{"\xe0", int64(-32), true},
		{"\xcc\xff", int64(255), false},
		{"\xcd\x01\x00", int64(256), false},
		{"\xce\x00\x01\x00\x00", int64(65536), true},
		{"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", new(big.Int).SetUint64(math.MaxUint64), true},
		{"\xd0\x80", int64(-128), false},
		{"\xd1\x80\x00", int64(-32768), false},
		{"\xd2\xff\xff\x7f\xff", int64(-32769), true},
		{"\xd3\x80\x00\x00\x00\x00\x00\x00\x00", int64(math.MinInt64), true},
		{"\xca\x3f\x80\x00\x00", 1.0, false},
		{"\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00", 1.0, true},
		{"\xa2\xc3\xa9", "é", true},
		{"\xd9\x20" + strings.Repeat("x", 32), strings.Repeat("x", 32), true},
		{"\xda\x01\x00" + strings.Repeat("x", 256), strings.Repeat("x", 256), true},
		{"\xc4\x01\xff", []byte{255}, true},
		{"\x93\x01\xa1a\xc0", []any{int64(1), "a", nil}, true},
		{"\xdc\x00\x10" + strings.Repeat("\x01", 16), slicesOf(int64(1), 16), true},
		{"\x82\xa1a\x01\xa1b\x80", map[string]any{"a": int64(1), "b": map[string]any{}}, true},
		{"\xde\x00\x01\xa1a\xc2", map[string]any{"a": false}, false},
		{"\xd6\xff\x00\x00\x00\x01", DateTime{Time: time.Unix(1, 0).UTC()}, false},
	} {
		got, err := decodeMsgpack([]byte(c.bytes))
		if err != nil {
			t.Errorf("%x: %v", c.bytes, err)
			continue
		}
		if diff := cmp.Diff(c.value, got, comparer()); diff != "" {
			t.Errorf("%x: %s", c.bytes, diff)
		}
		if !c.write {
			continue
		}
		if b, err := encodeMsgpack(c.value); err != nil || string(b) != c.bytes {
			t.Errorf("%v is written %x, want %x: %v", c.value, b, c.bytes, err)
		}
	}
	for _, bad := range []string{"", "\xc1", "\xa1", "\xdd\xff\xff\xff\xff", "\xdf\x7f\xff\xff\xff", "\xc6\xff\xff\xff\xff", "\xa1\xff", "\x01\x01", "\x81\x01\x01", "\xc7\x01\x05\x00", strings.Repeat("\x91", 5000)} {
		if v, err := decodeMsgpack([]byte(bad)); !errors.Is(err, ErrDecode) {
			t.Errorf("%.20x gives %v, %v", bad, v, err)
		}
	}
}

func slicesOf(v any, n int) []any {
	out := make([]any, n)
	for i := range out {
		out[i] = v
	}
	return out
}

// TestYAMLAgainstPyYAML reads texts as safe_load does. What safe_load refuses must be refused.
func TestYAMLAgainstPyYAML(t *testing.T) {
	t.Parallel()
	texts := []string{
		"[yes, No, ON, off, y, n, True, tRue]", "[010, 0o10, 0x1F, 0b101, 1_000, 09, 0, -0, +1, '010']",
		"[1:30, 1:30:30, -1:30, 190:20:30.15, 0:30]", "[1.5, 1e3, 1.0e+3, 1.0e3, .5, 5., 1_0.5, .inf, -.INF, 1.]",
		"[~, null, Null, nUll, '']", "a: 2001-12-14\nb: 2001-12-14t21:59:43.10-05:00\nc: 2001-12-14 21:59:43.1 -5\nd: 2001-12-15 2:59:43Z",
		"!!binary aGVsbG8=", "!!str 5", "!!int '7'", "!!float 3", "a: &x [1, 2]\nb: *x", "base: &b {a: 1, b: 2}\nd: {<<: *b, b: 3}",
		"a: |\n  line\n  two\nb: >\n  folded\n  text\n", "- a\n- - b\n  - c: d\n", "", "--- 5\n...\n", "a: 1\na: 2",
		"!!python/object/apply:os.system [ls]", "!!python/none x", "--- 1\n--- 2", "a: [", "&a [*a]", "{a: b: c}", "2: x\ntrue: y\nnull: z\n1.5: w",
		"'it''s'", "\"\\x41\\u00e9\\n\"", "# only a comment", "- -1\n- +0.5\n- 12e03\n- 685.230_15e+03", "!!bool yes", "!unknown 3",
	}
	list, _ := json.Marshal(texts)
	out := testenv.RunPython(t, pythonPrelude+`
import yaml
def keys(v):
    if isinstance(v, dict): return {str(k): keys(x) for k, x in v.items()}
    if isinstance(v, list): return [keys(x) for x in v]
    return v
for text in json.loads(sys.argv[1]):
    try: v = yaml.safe_load(text)
    except yaml.YAMLError: print('refused'); continue
    try: print(dumps(keys(v), 'json')[2])
    except (RecursionError, ValueError): print('refused')
`, string(list))
	for i, line := range strings.Split(strings.TrimRight(out, "\n"), "\n") {
		got, err := decodeYAML([]byte(texts[i]))
		if line == "refused" {
			if err == nil {
				t.Errorf("%q is read as %v, PyYAML refuses it", texts[i], got)
			}
			continue
		}
		want, jerr := DecodeJSON([]byte(line))
		if jerr != nil {
			t.Fatal(jerr)
		}
		if err != nil {
			t.Errorf("%q: %v", texts[i], err)
		} else if diff := cmp.Diff(want, got, comparer()); diff != "" {
			t.Errorf("%q: %s", texts[i], diff)
		}
	}
}

func TestYAMLAliasesDontMultiply(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("a0: &a0 [x]\n")
	for i := 1; i < 60; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [*a%d, *a%d]\n", i, i, i-1, i-1)
	}
	if _, err := decodeYAML([]byte(b.String())); err != nil && !errors.Is(err, ErrDecode) {
		t.Fatal(err)
	}
}

func TestJSONAgainstPython(t *testing.T) {
	t.Parallel()
	texts := []string{
		"1", "-0", "-0.0", "01", "1.", ".5", "1e5", "1E+2", "1e", "-", "--1", "+1", "NaN", "-Infinity", "nan", "Inf", "true", "True", "nul",
		`"\u00e9"`, `"\ud83d\ude00"`, `"\x41"`, "\"tab\there\"", `"open`, `"\u12"`, `"\"`, "[1,]", "[,1]", "[1 2]", `{"a":1,}`, `{a:1}`, `{"a" 1}`,
		`{"a":1,"a":2}`, "[]x", " [ ] ", "\ufeff[]", `{"__type__":"datetime","__value__":"2024-01-01T00:00:00Z"}`,
		`{"__type__":"date","__value__":"2024-01-01T05:00:00"}`, `{"__type__":"nope","__value__":1}`, `{"__type__":"uuid","__value__":{"hex":"zz"}}`,
		`{"__type__":"decimal","__value__":"1.x"}`, `{"__type__":"decimal","__value__":"1E+3"}`, `{"__type__":"bytes","__value__":"\u00e9"}`,
		`{"__type__":"base64","__value__":"/w=="}`, `{"__type__":"datetime","__value__":"20240101T101112"}`, `{"__type__":"time","__value__":"25:00"}`,
		`{"__type__":"datetime","__value__":"2024-13-01"}`, `{"__type__":"datetime","__value__":"2024-01-01 10:11:12.123456+02:00"}`,
		`{"__type__":"datetime","__value__":"2024-01-01","x":1}`, `{"__type__":"datetime"}`, "1" + strings.Repeat("0", 400), "1e999", "-1e-999", "",
		strings.Repeat("[", 9) + strings.Repeat("]", 9), strings.Repeat("[", 2000), "[\"\u2028\"]", "123456789012345678901234567890.5", "1 ", "/*x*/1",
	}
	list, _ := json.Marshal(texts)
	out := testenv.RunPython(t, pythonPrelude+`
for text in json.loads(sys.argv[1]):
    try: print(json.dumps(dumps(loads(text.encode(), 'application/json', 'utf-8', accept={'application/json'}), 'json')[2]))
    except Exception as e: print(json.dumps(None))
`, string(list))
	for i, line := range strings.Split(strings.TrimSpace(out), "\n") {
		var want *string
		if err := json.Unmarshal([]byte(line), &want); err != nil {
			t.Fatal(err)
		}
		got, err := Deserialize([]byte(texts[i]), ContentJSON, "utf-8", nil)
		if (want == nil) != (err != nil) {
			t.Errorf("%.60q gives %v, %v; Python's answer is %s", texts[i], got, err, line)
			continue
		}
		if want == nil {
			if !errors.Is(err, ErrDecode) {
				t.Errorf("%.60q: %v", texts[i], err)
			}
			continue
		}
		again, err := DecodeJSON([]byte(*want))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(again, got, comparer(), cmp.Comparer(func(a, b float64) bool { return a == b || a != a && b != b })); diff != "" {
			t.Errorf("%.60q: %s", texts[i], diff)
		}
	}
}

// TestOrderedJSON reads objects and writes them again in the order that Python keeps.
func TestOrderedJSON(t *testing.T) {
	t.Parallel()
	texts := []string{
		`{"b": 1, "a": {"z": [], "y": {}}, "b": 2, "": null}`, `[{"ok": {"max-concurrency": 2, "impl": "x"}}, {}]`, `{"2": {"1": {"0": 1.0}}, "10": "e"}`,
		`{"__type__": "decimal", "__value__": "1.10"}`, `{"__value__": {"hex": "12345678123456781234567812345678"}, "__type__": "uuid"}`, `{"__type__": "mine", "x": 1}`,
		`{"x": {"__type__": "datetime", "__value__": "2024-01-01T10:11:12"}, "a": {"__value__": 1}}`, `{"__value__": 1, "x": 0, "__type__": "date"}`, `{"a": 1`, `"text"`,
	}
	list, _ := json.Marshal(texts)
	out := testenv.RunPython(t, pythonPrelude+`
for text in json.loads(sys.argv[1]):
    try: print(json.dumps([dumps(loads(text.encode(), 'application/json', 'utf-8', accept={'application/json'}), 'json')[2], str(loads(text.encode(), 'application/json', 'utf-8', accept={'application/json'}))]))
    except Exception as e: print(json.dumps(["", ""]))
`, string(list))
	for i, line := range strings.Split(strings.TrimSpace(out), "\n") {
		var want [2]string
		if err := json.Unmarshal([]byte(line), &want); err != nil {
			t.Fatal(err)
		}
		m := &Message{ContentType: ContentJSON, ContentEncoding: "utf-8", Body: []byte(texts[i])}
		v, err := m.DecodeOrdered(nil)
		if (want[0] == "") != (err != nil) {
			t.Errorf("%s gives %v, %v; Python's answer is %s", texts[i], v, err, line)
			continue
		}
		if err != nil {
			continue
		}
		again, err := EncodeJSON(v)
		if err != nil || string(again) != want[0] {
			t.Errorf("%s is written again as %s, %v; by Python as %s", texts[i], again, err, want[0])
		}
		if got := pyrepr.Repr(v); got != want[1] && i < 3 { // the marked types print differently
			t.Errorf("%s prints as %s, in Python as %s", texts[i], got, want[1])
		}
		// The other serializers know no order.
		plain, _ := DecodeJSON([]byte(texts[i]))
		for _, name := range []string{"yaml", "msgpack"} {
			a, _, _, errA := Serialize(v, name)
			b, _, _, errB := Serialize(plain, name)
			if !bytes.Equal(a, b) || (errA == nil) != (errB == nil) || i < 3 && errA != nil {
				t.Errorf("%s as %s: %q, %v; without an order %q, %v", texts[i], name, a, errA, b, errB)
			}
		}
	}
}

func TestContentDisallowed(t *testing.T) {
	t.Parallel()
	out := testenv.RunPython(t, `
from kombu.serialization import loads
for ct, accept in [('application/x-python-serialize', {'application/json'}), ('application/x-yaml', {'application/json'}), ('x/y', set())]:
    try: loads(b'x', ct, 'binary', accept=accept)
    except Exception as e: print(e)
`)
	want := strings.Split(strings.TrimSpace(out), "\n")
	for i, ct := range []string{ContentPickle, ContentYAML, "x/y"} {
		_, err := (&Message{Body: []byte("x"), ContentType: ct}).Decode(nil)
		if !errors.Is(err, ErrContentDisallowed) || err.Error() != want[i] {
			t.Errorf("%v, want %s", err, want[i])
		}
	}
	accept, err := ParseAccept([]string{"json", "pickle"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (&Message{Body: []byte("x"), ContentType: ContentPickle}).Decode(accept); !errors.Is(err, ErrContentDisallowed) {
		t.Errorf("pickle with pickle accepted: %v", err)
	}
	if err := (&Message{}).Encode(1, "pickle", ""); !errors.Is(err, ErrSerializer) {
		t.Error(err)
	}
	if _, err := ParseAccept([]string{"jsn"}); !errors.Is(err, ErrSerializer) {
		t.Error(err)
	}
}

// Every compression, made by Kombu and read by us and the other way round.
func TestCompressionAgainstKombu(t *testing.T) {
	t.Parallel()
	text := []byte(strings.Repeat("the quick brown fox ", 500))
	names := []string{"gzip", "zlib", "bzip2", "bzip", "lzma", "xz", "zstd", "zstandard", "brotli"}
	var ours []string
	for _, n := range names {
		b, _, err := Compress(text, n)
		if err != nil {
			t.Fatal(err)
		}
		ours = append(ours, base64.StdEncoding.EncodeToString(b))
	}
	list, _ := json.Marshal(names)
	enc, _ := json.Marshal(ours)
	out := testenv.RunPython(t, pythonPrelude+`
from kombu import compression
text = b'the quick brown fox ' * 500
for n, theirs in zip(json.loads(sys.argv[1]), json.loads(sys.argv[2])):
    data, ct = compression.compress(text, n)
    assert compression.decompress(base64.b64decode(theirs), n) == text, n
    print(ct, base64.b64encode(data).decode())
`, string(list), string(enc))
	for i, line := range strings.Split(strings.TrimSpace(out), "\n") {
		ct, data, _ := strings.Cut(line, " ")
		b, err := base64.StdEncoding.DecodeString(data)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{ct, names[i]} {
			if got, err := Decompress(b, name); err != nil || !bytes.Equal(got, text) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, mine, _ := Compress(nil, names[i]); mine != ct {
			t.Errorf("%s has content type %s, want %s", names[i], mine, ct)
		}
	}
}

func TestDecompressionIsBounded(t *testing.T) {
	t.Parallel()
	for _, n := range []string{"gzip", "bzip2", "lzma", "zstd", "brotli"} {
		b, _, err := Compress(make([]byte, 1<<20), n)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decompress(b, n, 1<<20-1); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v", n, err)
		}
		if _, err := decompress(b[:len(b)/2], n, 1<<20); !errors.Is(err, ErrDecode) {
			t.Errorf("half a stream of %s: %v", n, err)
		}
		if _, err := decompress([]byte("junk that is no stream"), n, 1<<20); !errors.Is(err, ErrDecode) {
			t.Errorf("junk as %s: %v", n, err)
		}
	}
	if _, err := Decompress(nil, "rot13"); !errors.Is(err, ErrSerializer) {
		t.Error(err)
	}
	// A real bomb: a few bytes for more than a body may have.
	bomb, _, err := Compress(make([]byte, MaxBody+1), "zstd")
	if err != nil || len(bomb) > 100<<10 {
		t.Fatal(len(bomb), err)
	}
	if _, err := Decompress(bomb, "zstd"); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}

// TestPlainRun: eight bytes at a time find the same end as one at a time, wherever it lies.
func TestPlainRun(t *testing.T) {
	t.Parallel()
	slow := func(s []byte) int {
		i := 0
		for ; i < len(s) && s[i] >= 0x20 && s[i] != '"' && s[i] != '\\'; i++ {
		}
		return i
	}
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 40 {
		for range 500 {
			s := make([]byte, n)
			for i := range s {
				if s[i] = "\x00\x1f\x20\x21\"#[\\]\x7f\x80\xff\xa2\xdc"[r.IntN(14)]; r.IntN(8) > 0 {
					s[i] = 'a' + byte(r.IntN(26))
				}
			}
			if got, want := plainRun(s), slow(s); got != want {
				t.Fatalf("%q: %d, want %d", s, got, want)
			}
		}
	}
}
