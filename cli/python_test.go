package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"healpipe/internal/testenv"
)

// TestISOTime compares parseISOTime with what Celery's command line uses, dateutil.
func TestISOTime(t *testing.T) {
	t.Parallel()
	inputs := []string{
		"2026", "2026-03", "2026-03-04", "20260304", "2026-03-04T05", "2026-03-04T05:06", "2026-03-04T0506", "2026-03-04 05:06:07", "20260304T050607",
		"2026-03-04T05:06:07.25", "2026-03-04T05:06:07,123456789", "2026-03-04T05:06:07Z", "2026-03-04T05:06+01", "2026-03-04T05:06-0130", "2026-03-04T05:06:07.5+05:45",
		"2026-12-31T24:00", "2026-02-29", "2026-13-01", "2026-03-04T25:00", "2026-03-04T05:60", "2026-03-04T", "tomorrow", "2026-3-4", "2026-03-04T05:06 +01:00", "26-03-04", "T05:06",
	}
	args, err := json.Marshal(inputs)
	if err != nil {
		t.Fatal(err)
	}
	out := testenv.RunPython(t, `
import json, sys
from datetime import timezone
from celery.utils.time import maybe_iso8601
for s in json.loads(sys.argv[1]):
    try:
        t = maybe_iso8601(s)
        print((t if t.tzinfo else t.replace(tzinfo=timezone.utc)).timestamp())
    except ValueError:
        print("bad")
`, string(args))
	for i, want := range strings.Fields(out) {
		got := "bad"
		if at, err := parseISOTime(inputs[i]); err == nil {
			got = pyStr(float64(at.UnixMicro()) / 1e6)
		}
		if got != want {
			t.Errorf("%q is %s, Celery reads %s", inputs[i], got, want)
		}
	}
}

// TestTimestamp compares the dump's times with Python's datetime.
func TestTimestamp(t *testing.T) {
	t.Parallel()
	inputs := []float64{0, 1, 1795505889.341394, 1795505889.3413945, 1795505889.9999999, 1e9 + 0.0000005, 1e9 + 0.0000015, 4102444799.5, -1.25}
	args, err := json.Marshal(inputs)
	if err != nil {
		t.Fatal(err)
	}
	out := testenv.RunPython(t, `
import json, sys
from datetime import datetime, timezone
for s in json.loads(sys.argv[1]): print(datetime.fromtimestamp(s, timezone.utc))
`, string(args))
	for i, want := range strings.Split(strings.TrimSpace(out), "\n") {
		if got := timestamp(inputs[i]); got != want {
			t.Errorf("%v is %s, Python prints %s", inputs[i], got, want)
		}
	}
}

// TestAdjustZone compares timestamps from other time zones with what Celery makes of them, here in UTC+5:45.
func TestAdjustZone(t *testing.T) {
	t.Parallel()
	now := time.Unix(1795505889, 0).In(time.FixedZone("", 5*3600+45*60))
	for _, offset := range []any{0.0, int64(-1), -6.0, 4.5, "", nil} {
		arg, err := json.Marshal(offset)
		if err != nil {
			t.Fatal(err)
		}
		out := testenv.RunPython(t, `
import json, os, sys, time
os.environ["TZ"] = "XXX-05:45"
time.tzset()
from celery import Celery
offset = json.loads(sys.argv[1])
event = {"type": "site-moved", "timestamp": 1795505889.25, "clock": 1}
if not isinstance(offset, (str, type(None))): event["utcoffset"] = offset
app = Celery(broker="memory://")
with app.connection() as c:
    print(repr(app.events.Receiver(c).event_from_message(event)[1]["timestamp"]))
`, string(arg))
		ev := map[string]any{"timestamp": 1795505889.25, "utcoffset": offset}
		adjustZone(ev, now)
		if got := pyStr(ev["timestamp"]); got != strings.TrimSpace(out) {
			t.Errorf("utcoffset %v: %s, Celery has %s", offset, got, out)
		}
	}
}

// TestDumperBounds sends events without their fields, and more tasks than are remembered.
func TestDumperBounds(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	d := &dumper{out: &out, now: func() time.Time { return time.Unix(1, 0).UTC() }}
	d.event(map[string]any{})
	d.event(map[string]any{"type": "task-received", "timestamp": "now"})
	if want := "None [None] none: clock=1, local_received=1.0\nNone [now] task received: None(None) args=None kwargs=None clock=2, local_received=1.0\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
	for i := range 3 * maxTaskNames {
		d.event(map[string]any{"type": "task-received", "uuid": fmt.Sprint(i)})
	}
	if len(d.tasks) != maxTaskNames || len(d.order) != maxTaskNames {
		t.Errorf("%d names and %d ids are kept, want %d", len(d.tasks), len(d.order), maxTaskNames)
	}
}
