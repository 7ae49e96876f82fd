package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"healpipe/celery"
)

// metrics counts what the worker's tasks do, for Prometheus (--metrics-addr). docs/operations.md lists
// all that is exported. A nil *metrics counts nothing.
type metrics struct {
	registry    *prometheus.Registry
	tasks       *prometheus.CounterVec   // tasks that ended, by Celery's state
	seconds     *prometheus.HistogramVec // how long they ran
	running     *prometheus.GaugeVec
	redelivered *prometheus.CounterVec // of those that started, from messages that had been given back before
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		tasks:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "healpipe_tasks_total", Help: "Tasks that ended."}, []string{"task", "state"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "healpipe_task_seconds", Help: "Run time of tasks.",
			Buckets: prometheus.ExponentialBuckets(0.01, 2, 16)}, []string{"task"}),
		running:     prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "healpipe_tasks_running", Help: "Tasks that run now."}, []string{"task"}),
		redelivered: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "healpipe_redelivered_total", Help: "Tasks started from a message that had been given back."}, []string{"task"}),
	}
	m.registry.MustRegister(m.tasks, m.seconds, m.running, m.redelivered,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// know makes a task's metrics appear before it has run, so that rates start from zero.
func (m *metrics) know(tasks []string) {
	for _, name := range tasks {
		for _, state := range []string{celery.StateSuccess, celery.StateFailure, celery.StateRetry} {
			m.tasks.WithLabelValues(name, state)
		}
		m.seconds.WithLabelValues(name)
		m.running.WithLabelValues(name)
		m.redelivered.WithLabelValues(name)
	}
}

// run counts the task of ctx as running until the function that it returns is called.
func (m *metrics) run(ctx context.Context) func() {
	r := celery.CurrentRequest(ctx)
	if m == nil || r == nil {
		return func() {}
	}
	if r.Redelivered() {
		m.redelivered.WithLabelValues(r.Type).Inc()
	}
	running, started := m.running.WithLabelValues(r.Type), time.Now()
	running.Inc()
	return func() {
		running.Dec()
		m.seconds.WithLabelValues(r.Type).Observe(time.Since(started).Seconds())
	}
}

// ended is the tasks' AfterReturn.
func (m *metrics) ended(r *celery.Request, state string, _ any, _ error) error {
	if m != nil {
		m.tasks.WithLabelValues(r.Type, state).Inc()
	}
	return nil
}

// serve answers /metrics, and /healthz for probes, on addr until ctx ends, and returns the address with its port, which the system chooses
// for port 0.
func (m *metrics) serve(ctx context.Context, addr string) (string, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return "", fmt.Errorf("--metrics-addr: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.Handle("/metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { server.Close() })
	go func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			fmt.Fprintf(os.Stderr, "healpipe: metrics are no longer served: %v\n", err)
		}
	}()
	return l.Addr().String(), nil
}
