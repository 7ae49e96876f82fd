package celery

import "errors"

// errConnectionLost is the cause of a task's context being cancelled for Config.WorkerCancelOnConnectionLoss.
var errConnectionLost = errors.New("celery: the connection to the broker was lost")

// cancelUnacknowledged ends the running tasks that are acknowledged late and gives their messages back once the broker
// is there again, as worker_cancel_long_running_tasks_on_connection_loss wants. Without it they go on, which is safe
// here: their lease is still theirs after the outage.
func (w *Worker) cancelUnacknowledged() {
	for _, r := range w.state.in(active) {
		if !r.task.acksLate || r.acknowledged.Load() || !r.settled.CompareAndSwap(false, true) {
			continue
		}
		w.log.warnf("Task %s[%s] cannot be acknowledged after a connection loss since late acknowledgement is enabled for it.\n"+
			"Terminating it instead.", r.Name, r.ID)
		r.stopWith(errConnectionLost)
		w.taskEvent(r, "task-cancelled", field{"uuid", r.ID})
		retry := &Retry{Reason: "cancelled by Celery"}
		w.store(w.io, r, outcome{state: StateRetry, err: retry})
		if hook := r.task.opts.OnRetry; hook != nil {
			w.hook(r, "on_retry", func() error { return hook(r, retry) })
		}
		if !r.acknowledged.Swap(true) {
			if err := w.recv.consumer.Release(w.io, r.delivery); err != nil {
				w.log.warnf("Cannot give task %s[%s] back, its lease will: %v", r.Name, r.ID, err)
			}
		}
		w.done(r)
		w.pool.abandon()
	}
}
