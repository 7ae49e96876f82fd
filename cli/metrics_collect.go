package cli

import (
	"context"
	"math"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"healpipe/celery"
	"healpipe/celery/kombu"
	"healpipe/storage"
)

// watch exports what others count: the worker, its storages, and the broker.
func (m *metrics) watch(w *celery.Worker, traffic *storage.Monitor, queues *queueCollector) {
	counter := func(name, help string, labels prometheus.Labels, value func() int64) {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels},
			func() float64 { return float64(value()) }))
	}
	counter("healpipe_broker_reconnects_total", "Times that the connection to the broker came back.", nil, func() int64 { return w.Counters().Reconnects })
	counter("healpipe_events_dropped_total", "Events for monitors that did not reach the broker.", nil, func() int64 { return w.Counters().EventsDropped })
	counter("healpipe_messages_taken_over_total", "Messages that other workers took over because this one seemed dead.", nil, func() int64 { return w.Counters().TakenOver })
	for kind, t := range map[string]*storage.Traffic{"local": &traffic.Local, "s3": &traffic.S3} {
		labels := prometheus.Labels{"storage": kind}
		counter("healpipe_storage_read_bytes_total", "Bytes that arrived from storages.", labels, t.ReadBytes.Load)
		counter("healpipe_storage_written_bytes_total", "Bytes that were sent to storages.", labels, t.WrittenBytes.Load)
		counter("healpipe_storage_disturbances_total", "Requests that failed in passing and were made again.", labels, t.Disturbances.Load)
	}
	m.registry.MustRegister(queues,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "healpipe_memory_limit_bytes", Help: "Soft limit on memory (GOMEMLIMIT, or 90 % of the container's); +Inf without one."}, memoryLimit),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "healpipe_build_info", Help: "1; the version is in the labels.",
			ConstLabels: prometheus.Labels{"version": version, "commit": commit(), "go": runtime.Version()}}, func() float64 { return 1 }))
}

func memoryLimit() float64 {
	limit := debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		return math.Inf(1)
	}
	return float64(limit)
}

// queueCollector asks the broker at each scrape, over a connection of its own.
type queueCollector struct {
	dial   func(context.Context) (*kombu.Connection, error)
	queues []string

	mu   sync.Mutex
	conn *kombu.Connection
}

var (
	queueLength = prometheus.NewDesc("healpipe_queue_length", "Messages that wait in a queue.", []string{"queue"}, nil)
	brokerUp    = prometheus.NewDesc("healpipe_broker_up", "Whether the broker answered.", nil, nil)
)

// Describe implements prometheus.Collector.
func (q *queueCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- queueLength
	ch <- brokerUp
}

// Collect implements prometheus.Collector.
func (q *queueCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	q.mu.Lock()
	defer q.mu.Unlock()
	up := 1.0
	if q.conn == nil {
		conn, err := q.dial(ctx)
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
