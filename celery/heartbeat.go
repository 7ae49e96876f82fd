package celery

import (
	"context"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Version is what workers call themselves: sw_ver in events and the banner.
const Version = "5.7.0"

// SoftwareIdent is what workers call themselves in events.
const SoftwareIdent = "go-celery"

// heart is the loop that tells monitors and peers that the worker is alive.
type heart struct {
	worker   *Worker
	interval time.Duration
}

// Run sends a worker-heartbeat every interval.
func (h *heart) Run(ctx context.Context) error {
	for {
		timer, stop := h.worker.app.clock.Timer(h.interval)
		select {
		case <-ctx.Done():
			stop()
			return nil
		case <-timer:
		}
		h.worker.sendWorkerEvent(ctx, "worker-heartbeat", h.interval)
	}
}

// workerEventTimeout bounds how long a worker event waits for an absent broker: a stale heartbeat is worth nothing.
const workerEventTimeout = 2 * time.Second

// sendWorkerEvent publishes worker-online, worker-heartbeat or worker-offline with the worker's figures.
func (w *Worker) sendWorkerEvent(ctx context.Context, typ string, freq time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, workerEventTimeout)
	defer cancel()
	w.events.worker(ctx, typ,
		field{"freq", freq.Seconds()},
		field{"active", w.state.activeCount()},
		field{"processed", w.state.processed.Load()},
		field{"loadavg", loadAverage()},
		field{"sw_ident", SoftwareIdent}, field{"sw_ver", Version}, field{"sw_sys", systemName()})
}

// systemName is platform.system().
func systemName() string {
	if runtime.GOOS == "" {
		return ""
	}
	return strings.ToUpper(runtime.GOOS[:1]) + runtime.GOOS[1:]
}

// loadAverage is os.getloadavg() rounded as Celery rounds it; zeros where the system does not tell.
func loadAverage() []any {
	out := []any{0.0, 0.0, 0.0}
	raw, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return out
	}
	for i, s := range strings.Fields(string(raw)) {
		if i == 3 {
			break
		}
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			out[i] = f
		}
	}
	return out
}
