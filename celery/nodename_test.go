package celery

import (
	"encoding/json"
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"

	"healpipe/internal/testenv"
)

// -n, and the %h, %n, %d, %i and %I in it and in the names of log and state files, become what Celery makes of them.
func TestNodenamesAsCelery(t *testing.T) {
	t.Parallel()
	names := []string{"", "w1", "w1@", "w1@host", "w1@host.example.com", "@host.example.com", "w1@%h", "%n@%d", "worker-%n@%h", "a@b@c", "100%%@%h", "%n%i@%h", "w%I", "w1@x.%d"}
	files := []string{"worker.log", "%n.log", "%n%I.log", "/var/log/%h/%n-%i.log", "%d/%p.log", "%%n.log", "%n%%%h"}
	raw, err := json.Marshal([][]string{names, files})
	if err != nil {
		t.Fatal(err)
	}
	text, err := exec.Command(testenv.Python(t), "-c", `
import json, sys
from celery.utils.nodenames import default_nodename, host_format, node_format
names, files = json.loads(sys.argv[1])
print(json.dumps([[host_format(default_nodename(n)) for n in names], [[node_format(f, host_format(default_nodename(n))) for f in files] for n in names]]))`, string(raw)).Output()
	if err != nil {
		t.Fatal(err)
	}
	var want, got [2]any
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	var nodes, paths []any
	for _, n := range names {
		node := DefaultNodename(n)
		nodes = append(nodes, node)
		var of []any
		for _, f := range files {
			of = append(of, ExpandNode(f, node))
		}
		paths = append(paths, of)
	}
	got = [2]any{nodes, paths}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-Celery +ours):\n%s", diff)
	}
}
