package celery

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
)

// Signals gives the process's signals the meaning that they have for a Celery worker, see Worker.HandleSignals.
type Signals struct {
	w       *Worker
	ch      chan os.Signal
	done    chan struct{}
	once    sync.Once
	restart atomic.Bool
}

// HandleSignals makes the worker answer signals as Celery's does, from now until Stop:
//
//	TERM   warm shutdown; further ones change nothing
//	INT    warm shutdown, the second one is as QUIT
//	QUIT   soft shutdown where a timeout is set, else cold; the second one cold at once, the third ends the process
//	USR1   the stacks of all goroutines to standard error
//	HUP    warm shutdown, after which Restart reports true
//
// With REMAP_SIGTERM=SIGQUIT in the environment TERM is as QUIT.
func (w *Worker) HandleSignals() *Signals {
	s := &Signals{w: w, ch: make(chan os.Signal, 8), done: make(chan struct{})}
	signal.Notify(s.ch, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGHUP)
	go s.run()
	return s
}

// Stop gives the signals their former meaning.
func (s *Signals) Stop() {
	s.once.Do(func() {
		signal.Stop(s.ch)
		close(s.done)
	})
}

// Restart reports whether a HUP asked for the program to start again once Run has returned.
func (s *Signals) Restart() bool { return s.restart.Load() }

func (s *Signals) run() {
	remap := os.Getenv("REMAP_SIGTERM") == "SIGQUIT"
	interrupted, quits := false, 0
	for {
		var sig os.Signal
		select {
		case <-s.done:
			return
		case sig = <-s.ch:
		}
		switch {
		case sig == syscall.SIGUSR1:
			stacks := make([]byte, 1<<20)
			fmt.Fprintf(os.Stderr, "%s\n", stacks[:runtime.Stack(stacks, true)])
		case sig == syscall.SIGHUP:
			s.restart.Store(true)
			s.w.Warm()
		case sig == syscall.SIGTERM && !remap:
			s.w.Warm()
		case sig == syscall.SIGINT && !interrupted:
			interrupted = true
			fmt.Fprintln(s.w.opts.Stdout, "worker: Hitting Ctrl+C again will initiate cold shutdown, terminating all running tasks!")
			s.w.Warm()
		default:
			quits++
			s.quit(quits)
		}
	}
}

// quit goes a step further towards the end of the process.
func (s *Signals) quit(times int) {
	switch times {
	case 1:
		fmt.Fprintln(s.w.opts.Stdout, "worker: Hitting Ctrl+C again will terminate all running tasks!")
		s.w.Soft()
	case 2:
		fmt.Fprintln(s.w.opts.Stdout, "Waiting gracefully for cold shutdown to complete...")
		s.w.Cold()
	default:
		os.Exit(1) // somebody insists
	}
}
