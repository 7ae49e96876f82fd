package tests

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"healpipe/internal/testenv"
)

// days puts files of a day each, small ones, into ERA5_sfc, under several names each, and returns the names.
func (s *site) days(n, copies int) []string {
	s.t.Helper()
	var names []string
	for i := range n * copies {
		name := fmt.Sprintf("copy%d.", i/n) + dayName("e5.oper.an.sfc.128_167_2t.ll025sc", i%n)
		if err := os.Link(dayFile(s.t, "sfc", "2t", i%n), s.path("ERA5_sfc", name)); err != nil {
			s.t.Fatal(err)
		}
		names = append(names, name)
	}
	return names
}

// send sends a task for each file with Celery's own client; a task's id is its file's name.
func (s *site) send(task, folder string, names []string) {
	s.t.Helper()
	s.python(append([]string{"-c", `
import sys, config
from celery import Celery
app = Celery("tasks", broker=config.CELERY_BROKER)
task, folder, *names = sys.argv[1:]
for n in names: app.send_task(task, [folder + "/" + n], task_id=n)
`, task, folder}, names...)...)
}

var succeeded = regexp.MustCompile(`Task (tasks\.\w+)\[([^\]]+)\] succeeded`)

// successes counts the log's lines of success for each id of a task.
func successes(task string, workers ...*process) map[string]int {
	n := map[string]int{}
	for _, w := range workers {
		for _, m := range succeeded.FindAllStringSubmatch(w.output(), -1) {
			if m[1] == task {
				n[m[2]]++
			}
		}
	}
	return n
}

// midway waits until a worker has tasks in hand.
func (s *site) midway(task string, w *process) {
	s.t.Helper()
	testenv.WaitFor(s.t, time.Minute, "a worker to be in the middle of its work", func() bool {
		// a line when a message is received, another when it is done
		return strings.Count(w.output(), "Task "+task+"[") > 2*len(successes(task, w))
	})
}

// TestKilledWorker kills a worker with SIGKILL while it works, in both stages. What it had in its hands is
// done by the other one, long before the visibility timeout of an hour.
func TestKilledWorker(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	names := s.days(12, 4) // enough work that the test strikes in the middle of it
	survivor := s.worker("-c", "1", "-n", "survivor@%h")
	killed := func(task, folder, node string) {
		t.Helper()
		signal := func(p *process, sig syscall.Signal) {
			t.Helper()
			if err := p.cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
		}
		signal(survivor, syscall.SIGSTOP) // all messages are the victim's at first
		s.send(task, folder, names)
		victim := s.worker("-c", "2", "-n", node)
		s.midway(task, victim)
		signal(victim, syscall.SIGKILL)
		signal(survivor, syscall.SIGCONT)
		<-victim.done
		victim.done <- nil
		before := successes(task, survivor, victim)
		if len(before) == len(names) {
			t.Fatalf("all was done before the kill, nothing is tested:\n%s", victim.output())
		}
		testenv.WaitFor(t, time.Minute, "the other worker to do the rest of "+task, s.drained)
		testenv.WaitFor(t, 10*time.Second, "every file's success", func() bool { return len(successes(task, survivor, victim)) == len(names) })
		for name, n := range successes(task, survivor) {
			if n != 1 {
				t.Errorf("%s of %s ran %d times in the surviving worker", task, name, n)
			}
		}
	}
	killed("tasks.regrid_file", "ERA5_sfc", "first@%h")
	if got := s.regridded(); len(got) != len(names) {
		t.Fatalf("%d outputs of %d", len(got), len(names))
	}
	s.healpipe("index", "update")
	s.healpipe("init")
	killed("tasks.process", "ERA5_HPX6", "second@%h")
	survivor.stop()
	if r := s.checkStore(s.regridded()...); r.Files != len(names) {
		t.Errorf("the check read %d files of %d", r.Files, len(names))
	}
}

// TestBrokerRestart ends the broker with SIGKILL while two workers work, and starts it again from its log.
// Running tasks go on and are acknowledged afterwards: nothing is lost, nothing runs twice.
func TestBrokerRestart(t *testing.T) {
	t.Parallel()
	s := newSite(t, "--appendonly", "yes", "--appendfsync", "always")
	names := s.days(12, 4) // enough work that the test strikes in the middle of it
	s.send("tasks.regrid_file", "ERA5_sfc", names)
	workers := []*process{s.worker("-c", "1", "-n", "one@%h"), s.worker("-c", "1", "-n", "two@%h")}
	s.midway("tasks.regrid_file", workers[0])
	s.redis.Kill()
	before := len(successes("tasks.regrid_file", workers...))
	s.redis.Start()
	if before == len(names) {
		t.Fatal("all was done before the restart, nothing is tested")
	}
	testenv.WaitFor(t, time.Minute, "the workers to do the rest", func() bool { return len(s.regridded()) == len(names) && s.drained() })
	testenv.WaitFor(t, 10*time.Second, "every file's success", func() bool { return len(successes("tasks.regrid_file", workers...)) == len(names) })
	for _, w := range workers {
		w.stop()
	}
	done := successes("tasks.regrid_file", workers...)
	for _, name := range slices.Sorted(maps.Keys(done)) {
		if done[name] != 1 {
			t.Errorf("%s was regridded %d times", name, done[name])
		}
	}
	if left := s.leftovers(); len(left) > 0 {
		t.Errorf("temporary files are left: %v", left)
	}
}
