package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"healpipe/celery"
	"healpipe/celery/kombu"
)

// metrics counts what the worker's tasks do, for Prometheus (--metrics-addr):
//
//	healpipe_tasks_total{task,state}       tasks that ended, by Celery's state
//	healpipe_task_seconds{task}            how long they ran
//	healpipe_tasks_running                 tasks that run now
//	healpipe_redelivered_total{task}       of those that started, messages that had been given back before
//	healpipe_queue_length{queue}           messages waiting, asked of the broker at each scrape
//	healpipe_broker_up                     1 if the broker answered the scrape
//	process_*, go_*                        memory, processor time, open files, goroutines
type metrics struct {
	registry    *prometheus.Registry
	tasks       *prometheus.CounterVec
	seconds     *prometheus.HistogramVec
	redelivered *prometheus.CounterVec
	running     prometheus.Gauge
	started     sync.Map // *celery.Request -> time.Time
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		tasks:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "healpipe_tasks_total", Help: "Tasks that ended."}, []string{"task", "state"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "healpipe_task_seconds", Help: "Run time of tasks.",
			Buckets: prometheus.ExponentialBuckets(0.01, 2, 16)}, []string{"task"}),
		redelivered: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "healpipe_redelivered_total", Help: "Tasks started from a message that had been given back."}, []string{"task"}),
		running:     prometheus.NewGauge(prometheus.GaugeOpts{Name: "healpipe_tasks_running", Help: "Tasks that run now."}),
	}
	m.registry.MustRegister(m.tasks, m.seconds, m.redelivered, m.running,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// observe adds the hooks to a task's options.
func (m *metrics) observe(o celery.TaskOptions) celery.TaskOptions {
	o.BeforeStart = func(r *celery.Request) error {
		m.started.Store(r, time.Now())
		m.running.Inc()
		if again, _ := r.Headers["redelivered"].(bool); again {
			m.redelivered.WithLabelValues(r.Type).Inc()
		}
		return nil
	}
	o.AfterReturn = func(r *celery.Request, state string, _ any, _ error) error {
		if t, ok := m.started.LoadAndDelete(r); ok {
			m.running.Dec()
			m.seconds.WithLabelValues(r.Type).Observe(time.Since(t.(time.Time)).Seconds())
		}
		m.tasks.WithLabelValues(r.Type, state).Inc()
		return nil
	}
	return o
}

// serve answers /metrics on addr until ctx ends. The queue's length is asked over a connection of its own.
func (m *metrics) serve(ctx context.Context, addr, broker string, queues []string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("--metrics-addr: %w", err)
	}
	m.registry.MustRegister(&queueCollector{broker: broker, queues: queues})
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { server.Close() })
	go func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			fmt.Fprintf(os.Stderr, "healpipe: metrics are no longer served: %v\n", err)
		}
	}()
	return nil
}

// queueCollector asks the broker at each scrape.
type queueCollector struct {
	broker string
	queues []string

	mu   sync.Mutex
	conn *kombu.Connection
}

var (
	queueLength = prometheus.NewDesc("healpipe_queue_length", "Messages that wait in a queue.", []string{"queue"}, nil)
	brokerUp    = prometheus.NewDesc("healpipe_broker_up", "Whether the broker answered.", nil, nil)
)

func (q *queueCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- queueLength
	ch <- brokerUp
}

func (q *queueCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	q.mu.Lock()
	defer q.mu.Unlock()
	up := 1.0
	if q.conn == nil {
		conn, err := kombu.Dial(ctx, q.broker, kombu.Options{})
		if err != nil {
			ch <- prometheus.MustNewConstMetric(brokerUp, prometheus.GaugeValue, 0)
			return
		}
		q.conn = conn
	}
	for _, name := range q.queues {
		n, err := q.conn.QueueLen(ctx, name)
		if err != nil {
			up = 0
			break
		}
		ch <- prometheus.MustNewConstMetric(queueLength, prometheus.GaugeValue, float64(n), name)
	}
	ch <- prometheus.MustNewConstMetric(brokerUp, prometheus.GaugeValue, up)
}
