package celery

import (
	"context"
	"fmt"
	"time"

	"healpipe/celery/kombu"
)

// Bounds of the steps of a shutdown in which the broker may not answer.
const (
	releaseTimeout = 10 * time.Second
	coldGrace      = 3 * time.Second // for cancelled tasks to return
	warmPatience   = 4 * time.Second // for a broker that is away to come back, once no task runs
	coldPatience   = time.Second     // the same in a cold shutdown, whatever runs
)

// shutdown waits for a stage beyond running and carries the shutdown out.
func (w *Worker) shutdown() {
	s, changed := w.current()
	for s == running {
		<-changed
		s, changed = w.current()
	}
	over := make(chan struct{})
	defer close(over)
	go w.loseHeart(over)
	if s == warm {
		w.say("Warm")
	}
	if s == soft {
		s = w.softStage()
	}
	if s == warm {
		w.giveBack()
		s = w.drain(warm, nil)
	}
	if s == cold {
		w.coldStage()
	}
	w.finish()
}

// loseHeart ends a shutdown's waiting for a broker that is away and does not come back. What could not be acknowledged
// or given back is left to the worker's lease, as after a crash.
func (w *Worker) loseHeart(over <-chan struct{}) {
	const step = 50 * time.Millisecond
	tick := time.NewTicker(step)
	defer tick.Stop()
	for away := time.Duration(0); ; away += step {
		select {
		case <-over:
			return
		case <-tick.C:
		}
		s, _ := w.current()
		patience := warmPatience
		if s == cold {
			patience = coldPatience
		}
		switch {
		case w.recv.consumer.IsConnected(), s != cold && w.state.running():
			away = 0
		case away >= patience:
			w.log.warnf("The broker is away, not waiting for it: %d messages are left unacknowledged, their lease will give them back to the queues",
				w.recv.consumer.Registered())
			ended, cancel := context.WithCancel(w.io)
			cancel()
			_ = w.recv.consumer.Close(ended) // first, so that nothing is acknowledged whose result is not stored
			w.stopIO()
			return
		}
	}
}

func (w *Worker) say(how string) {
	fmt.Fprintf(w.opts.Stdout, "\nworker: %s shutdown (MainProcess)\n", how)
}

// giveBack stops fetching and returns everything that has not started to the queues, in order. It comes first in
// every shutdown, so that other workers get on with it while the running tasks end here.
func (w *Worker) giveBack() {
	ctx, cancel := context.WithTimeout(w.io, releaseTimeout)
	defer cancel()
	if err := w.recv.consumer.Pause(ctx); err != nil && w.io.Err() == nil {
		w.log.warnf("Cannot stop fetching: %v", err)
	}
	limited := w.recv.stop()
	var waiting []*Request
	for _, p := range w.sched.drain() {
		if !p.delivery.Settled() {
			waiting = append(waiting, &Request{delivery: p.delivery})
		}
	}
	waiting = append(append(waiting, limited...), w.pool.takeQueued()...)
	for _, d := range w.recv.consumer.Undelivered() {
		waiting = append(waiting, &Request{delivery: d})
	}
	held := make([]*kombu.Delivery, 0, len(waiting))
	for _, r := range waiting {
		if !r.acknowledged.Swap(true) {
			held = append(held, r.delivery)
		}
		w.state.drop(r)
	}
	if len(held) == 0 {
		return
	}
	w.log.infof("Restoring %d unacknowledged message%s", len(held), pluralS(len(held)))
	if err := w.recv.consumer.Release(ctx, held...); err != nil && w.io.Err() == nil {
		w.log.warnf("Cannot restore %d messages, their lease will: %v", len(held), err)
	}
}

// drain waits until no task runs, for the timer, or for a later stage, and returns the stage to go on with.
func (w *Worker) drain(s stage, timer <-chan time.Time) stage {
	idle := w.pool.wait()
	for {
		now, changed := w.current()
		if now > s {
			if now == soft {
				return w.softStage()
			}
			return now
		}
		select {
		case <-idle:
			return s
		case <-timer:
			return cold
		case <-changed:
		}
	}
}

// softStage is warm with a time limit.
func (w *Worker) softStage() stage {
	timeout := w.conf.WorkerSoftShutdown
	_, busy := w.pool.load()
	if timeout <= 0 || (busy == 0 && !w.conf.WorkerSoftShutdownOnIdle) {
		w.advance(cold)
		return cold
	}
	w.log.warnf("Initiating Soft Shutdown, terminating in %v seconds", timeout.Seconds())
	w.giveBack()
	timer, stop := w.app.clock.Timer(timeout)
	defer stop()
	return w.drain(soft, timer)
}

// coldStage cancels what runs.
func (w *Worker) coldStage() {
	w.say("Cold")
	w.stopMu.Lock()
	w.exitCode = 1
	w.stopMu.Unlock()
	w.giveBack()
	w.cancelActive()
	w.stopTasks(errShutdown)
	timer, stop := w.app.clock.Timer(coldGrace)
	defer stop()
	select {
	case <-w.pool.waitAll():
	case <-timer:
		w.log.warnf("Tasks still run although their context is cancelled; they are left behind")
	}
}

// finish flushes what is left and says goodbye.
func (w *Worker) finish() {
	ctx, cancel := context.WithTimeout(w.io, releaseTimeout)
	defer cancel()
	if err := w.recv.consumer.Flush(ctx); err != nil && w.io.Err() == nil {
		w.log.warnf("Cannot flush acknowledgements: %v", err)
	}
	w.saveState()
	w.events.flush(ctx)
	if err := w.recv.consumer.Close(ctx); err != nil {
		w.log.warnf("Cannot close the consumer: %v", err)
	}
	w.sendWorkerEvent(ctx, "worker-offline", w.opts.HeartbeatInterval)
}
