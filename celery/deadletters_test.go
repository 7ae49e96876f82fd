package celery_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"healpipe/celery"
	"healpipe/celery/kombu"
	"healpipe/internal/testenv"
)

// badMessage is a list element that no worker can run.
type badMessage struct {
	name, body, headers, contentType string
	fatal                            bool   // Celery's worker dies of it, or fetches it again for ever
	reason                           string // of the dead letter
}

func (b badMessage) element(n int) string {
	m := map[string]any{
		"body": base64.StdEncoding.EncodeToString([]byte(b.body)), "content-encoding": "utf-8", "content-type": "application/json",
		"headers": json.RawMessage(b.headers),
		"properties": map[string]any{"body_encoding": "base64", "delivery_tag": fmt.Sprint("tag", n), "correlation_id": "c",
			"delivery_info": map[string]any{"exchange": "", "routing_key": "celery"}},
	}
	if b.contentType != "" {
		m["content-type"] = b.contentType
	}
	text, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// Messages that Celery's worker logs and drops are logged by us in the same words and kept among the dead letters; those
// that kill it are kept too. What follows them runs.
func TestBadMessagesAsCelery(t *testing.T) {
	t.Parallel()
	const (
		add  = `{"id": "i", "task": "suite.add"}`
		good = `[[1, 2], {}, {}]`
	)
	cases := []badMessage{
		{"bad JSON", `[1, 2`, add, "", false, "can't decode the body: DecodeError("},
		{"pickle", "\x80\x04N.", add, "application/x-python-serialize", false, "invalid task message: Refusing to deserialize untrusted content of type pickle (application/x-python-serialize)"},
		{"pickle, protocol 1", "\x80\x04N.", `{}`, "application/x-python-serialize", false, "can't decode the body: ContentDisallowed("},
		{"yaml", good, add, "application/x-yaml", false, "invalid task message: Refusing to deserialize untrusted content of type yaml"},
		{"another type", good, add, "application/foo", false, "invalid task message: Refusing"},
		{"text", good, add, "text/plain", false, "invalid task message: Refusing"},
		{"not UTF-8", "\xff\xfe[]", add, "", false, "can't decode the body: DecodeError("},
		{"unknown marker", `[[{"__type__": "nope", "__value__": 1}], {}, {}]`, add, "", false, "can't decode the body: DecodeError("},
		{"unknown compression", good, `{"compression": "rot13", "id": "i", "task": "suite.add"}`, "", false, "can't decode the body: KeyError('rot13')"},
		{"unregistered", good, `{"id": "u", "task": "nope"}`, "", false, "unregistered task of type 'nope'"},
		{"unregistered, protocol 1", `{"task": "nope", "id": "v", "args": [], "kwargs": {}}`, `{}`, "", false, "unregistered task of type 'nope'"},
		{"ETA", good, `{"eta": "soon", "id": "i", "task": "suite.add"}`, "", false, "invalid task message: invalid ETA value 'soon'"},
		{"expires", good, `{"expires": "soon", "id": "i", "task": "suite.add"}`, "", false, "invalid task message: invalid expires value 'soon'"},
		{"no task", `{"id": "x"}`, `{}`, "", false, "unknown message"},
		{"null headers", good, `null`, "", false, "unknown message"},
		{"corrupt gzip", "abcd", `{"compression": "application/x-gzip", "id": "i", "task": "suite.add"}`, "", false, "can't decode the body: DecodeError("},
		{"short body", `[[1]]`, add, "", true, "invalid task message: not enough values to unpack"},
		{"null body", `null`, add, "", true, "invalid task message: not enough values to unpack"},
		{"empty body", ``, add, "", true, "invalid task message: not enough values to unpack"},
		{"no id", good, `{"task": "suite.add"}`, "", true, "invalid task message: the message has no task id"},
		{"signed, serializer auth", `{"certificate": "x", "signer": "1"}`, add, "application/data", true, "invalid task message: "},
	}
	theirs, ours := testenv.StartRedis(t).URL(0), testenv.StartRedis(t).URL(0)
	their, our := dial(t, theirs), dial(t, ours)
	py := pythonWorker(t, theirs)
	app := newApp(t, celery.Config{Name: "suite", Broker: ours, ResultBackend: ours})
	registerSuite(t, app, ours)
	w := runWorker(t, app, celery.WorkerOptions{Concurrency: 2})
	for i, c := range cases {
		for _, side := range []struct {
			log  *syncBuffer
			push func(string, ...any) (any, error)
			skip bool
		}{{py, their.Do, c.fatal}, {w.log, our.Do, false}} {
			if side.skip {
				continue
			}
			before := len(badRecords(side.log.String()))
			if _, err := side.push("LPUSH", "celery", c.element(i)); err != nil {
				t.Fatal(err)
			}
			testenv.WaitFor(t, 60*time.Second, "a word about "+c.name, func() bool { return len(badRecords(side.log.String())) > before })
		}
	}
	want, got := badRecords(py.String()), badRecords(w.log.String())
	if diff := cmp.Diff(want, got[:min(len(want), len(got))]); diff != "" {
		t.Errorf("log of Celery and of this worker: %s", diff)
	}

	// The worker goes on, and has lost nothing.
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	res, err := app.Signature("suite.add", 1, 2).Delay(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := res.Get(ctx); err != nil || v != int64(3) {
		t.Errorf("the good message after the bad ones: %v %v", v, err)
	}
	testenv.WaitFor(t, 20*time.Second, "nothing to be left", func() bool {
		return length(t, our, "LLEN", "celery")+length(t, our, "HLEN", "unacked") == 0
	})
	conn, err := kombu.Dial(ctx, ours, kombu.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	letters, err := conn.DeadLetters(ctx, 0)
	if err != nil || len(letters) != len(cases) {
		t.Fatalf("%d dead letters for %d messages: %v", len(letters), len(cases), err)
	}
	for i, c := range cases {
		l := letters[len(cases)-1-i] // the newest is first
		if string(l.Raw) != c.element(i) || !strings.HasPrefix(l.Reason, c.reason) || l.Queue != "celery" {
			t.Errorf("%s: %+v", c.name, l)
		}
	}
	for _, key := range []string{"celery-task-meta-u", "celery-task-meta-v", "celery-task-meta-i"} {
		if a, b := length(t, their, "EXISTS", key), length(t, our, "EXISTS", key); a != b {
			t.Errorf("%s exists: %d for Celery, %d here", key, a, b)
		}
	}
}

// badRecords are a log's words about messages, without what is Python's own: texts of its exceptions, tracebacks, hints.
func badRecords(log string) []string {
	record := regexp.MustCompile(`(?m)^\[\S+ \S+: (\w+)/MainProcess\] ((?:Can't decode message|Received (?:invalid|unregistered|and deleted)).*)$`)
	own := regexp.MustCompile(`(Can't decode message body: )(?:DecodeError|error)\(.*\)( \[type:)|(invalid (?:ETA|expires) value 'soon': ).*`)
	var out []string
	for _, m := range record.FindAllStringSubmatch(log, -1) {
		out = append(out, m[1]+" "+own.ReplaceAllString(m[2], "$1$2$3"))
	}
	return out
}
