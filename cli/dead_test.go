package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
)

// healpipe dead: what was put aside is listed, sent back and deleted.
func TestDead(t *testing.T) {
	t.Parallel()
	broker := miniredis.RunT(t)
	url := "redis://" + broker.Addr() + "/0"
	run := func(args ...string) (string, string, int) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		status := Main(t.Context(), append([]string{"healpipe", "-b", url, "dead"}, args...), &stdout, &stderr)
		return stdout.String(), stderr.String(), status
	}
	expect := func(status int, stdout, stderr string, args ...string) {
		t.Helper()
		out, errs, code := run(args...)
		if code != status || !regexp.MustCompile(`^(?s:`+stdout+`)$`).MatchString(out) || !strings.Contains(errs, stderr) {
			t.Errorf("%q: status %d, want %d\nstdout %q\nwant   %q\nstderr %q\nwant   %q", args, code, status, out, stdout, errs, stderr)
		}
	}
	expect(0, "No dead letters\\.\n", "", "list")
	expect(0, "\\[\\]\n", "", "list", "--json")
	expect(0, "Sent 0 messages back\\.\n", "", "requeue", "--all")

	put := func(list, reason, element string) {
		t.Helper()
		head, err := json.Marshal(map[string]any{"list": list, "reason": reason, "time": 1795505889.5})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := broker.Lpush("unacked.dead", string(head)+"\n"+element); err != nil {
			t.Fatal(err)
		}
	}
	message := func(n int) string {
		return fmt.Sprintf(`{"body":"","headers":{"task":"tasks.process","id":"id%d"},"properties":{"delivery_tag":"t%d","priority":9,`+
			`"delivery_info":{"exchange":"","routing_key":"celery"}}}`, n, n)
	}
	put("celery", "invalid task message: x\x1b[31m\ny", message(1))
	put("celery\x06\x169", "unregistered task of type 'tasks.process'", message(2))
	put("other", "not JSON", "rubbish")
	put("unacked", "no queue bound", message(3))
	out, _, _ := run("list")
	rows := strings.Split(strings.TrimSpace(out), "\n")
	want := []string{
		`^ID +TIME +QUEUE +BYTES +TASK +REASON$`,
		`^[0-9a-f]{8}  2026-11-24T\d\d:\d\d:09Z  - +\d+ +tasks\.process\[id3\]  no queue bound$`,
		`^[0-9a-f]{8}  2026-11-24T\d\d:\d\d:09Z  other +7 +- +not JSON$`,
		`^[0-9a-f]{8}  2026-11-24T\d\d:\d\d:09Z  celery +\d+ +tasks\.process\[id2\]  unregistered task of type 'tasks\.process'$`,
		`^[0-9a-f]{8}  2026-11-24T\d\d:\d\d:09Z  celery +\d+ +tasks\.process\[id1\]  invalid task message: x \[31m y$`,
	}
	if len(rows) != len(want) {
		t.Fatal(out)
	}
	var ids []string
	for i, w := range want {
		if !regexp.MustCompile(w).MatchString(rows[i]) {
			t.Errorf("%q\nwant %s", rows[i], w)
		}
		ids = append(ids, rows[i][:8])
	}
	expect(0, `(?s).*\.\.\. and 3 more \(-n 0 prints all\)`+"\n", "", "list", "-n", "1")
	expect(0, regexp.QuoteMeta(message(2)+"\n"+message(1)+"\n"), "", "list", "--raw", "-Q", "celery")
	expect(0, "rubbish\n", "", "list", "--raw", "--reason", "JSON")
	expect(0, regexp.QuoteMeta(message(1)+"\n"), "", "list", "--raw", ids[4])
	var listed []struct{ ID, Queue, Task, Element string }
	if out, _, _ := run("list", "-j"); json.Unmarshal([]byte(out), &listed) != nil || len(listed) != 4 || listed[3].Element != message(1) || listed[2].Task != "tasks.process" {
		t.Error(out)
	}

	expect(2, "", "requeue needs ids, or --all", "requeue")
	expect(2, "", "requeue needs ids, or --all", "requeue", "--all", ids[1])
	expect(1, "", `there is no dead letter "12345678"`, "requeue", "12345678")
	expect(0, "Sent 1 message back\\.\n", "", "requeue", ids[3])
	expect(1, "Sent 1 message back\\.\n", "it was in no queue's list: name the queue (--to QUEUE)", "requeue", "--all", "--reason", "o")
	for list, n := range map[string]int{"celery\x06\x169": 1, "other": 1} {
		if got, _ := broker.List(list); len(got) != n {
			t.Errorf("%d messages in %q, want %d", len(got), list, n)
		}
	}
	expect(0, "Sent 1 message back\\.\n", "", "requeue", ids[1], "--to", "elsewhere")
	if got, _ := broker.List("elsewhere\x06\x169"); len(got) != 1 || got[0] != message(3) {
		t.Error(got)
	}
	expect(1, `This deletes 1 message for good.*`, "Aborted!", "purge", "--all")
	expect(0, "Deleted 1 message\\.\n", "", "purge", "-f", ids[4])
	if broker.Exists("unacked.dead") {
		t.Error("something is left")
	}
	broker.Close()
	expect(1, "", "could not reach the broker", "list")
}
