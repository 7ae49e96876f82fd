package tests

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"healpipe/internal/testenv"
)

// TestControlReplies gives a Python and a Go worker the same commands, wrong ones among them, and compares the replies.
func TestControlReplies(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.write("pytasks.py", pythonTasks)
	s.start(s.command(testenv.Python(t), "-m", "celery", "-A", "pytasks", "worker", "-l", "info", "-c", "2", "-n", "python@test")).await("ready.")
	s.worker("-c", "2", "-n", "go@test")
	var all []struct {
		Command    []any
		Python, Go any
	}
	if err := json.Unmarshal([]byte(s.python(testenv.Path("tests", "python", "control_replies.py"), s.redis.URL(0), "python@test", "go@test")), &all); err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("no command was sent")
	}
	for _, r := range all {
		if diff := cmp.Diff(r.Python, r.Go); diff != "" {
			t.Errorf("%v (-python +go):\n%s", r.Command, diff)
		}
	}
}
