package kombu

import (
	"slices"
	"testing"
	"time"

	"healpipe/internal/testenv"
)

// BenchmarkConsume claims and acknowledges one by one, with a worker's prefetch of 32.
func BenchmarkConsume(b *testing.B) {
	c := connect(b, testenv.StartRedis(b).URL(0))
	batch := make([]Publication, 0, 1000)
	for i := range b.N {
		m := &Message{Headers: map[string]any{"task": "tasks.add", "id": "12345678-1234-5678-1234-567812345678", "retries": 0, "eta": nil}}
		if err := m.Encode([]any{[]any{i, 2}, map[string]any{}, map[string]any{"callbacks": nil, "errbacks": nil, "chain": nil, "chord": nil}}, "json", ""); err != nil {
			b.Fatal(err)
		}
		if batch = append(batch, Publication{RoutingKey: "q", Message: m}); len(batch) == cap(batch) || i == b.N-1 {
			if err := c.PublishBatch(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
			batch = batch[:0]
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	k := consume(b, c, ConsumerOptions{Prefetch: 32, Refill: 12})
	for range b.N {
		(<-k.Deliveries()).Ack()
	}
	if err := k.Flush(background(b)); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
}

// BenchmarkPickup measures the time from a push to the delivery on an idle consumer.
func BenchmarkPickup(b *testing.B) {
	c := connect(b, testenv.StartRedis(b).URL(0))
	k := consume(b, c, ConsumerOptions{Prefetch: 4})
	times := make([]time.Duration, 0, b.N)
	for range b.N {
		time.Sleep(2 * time.Millisecond) // idle again
		began := time.Now()
		send(b, c, "q", 1)
		d := <-k.Deliveries()
		times = append(times, time.Since(began))
		d.Ack()
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Microseconds()), "median-us")
	b.ReportMetric(float64(times[len(times)*99/100].Microseconds()), "p99-us")
}

func BenchmarkParseMessage(b *testing.B) {
	data := []byte(`{"body": "W1sxLCAyXSwge30sIHsiY2FsbGJhY2tzIjogbnVsbCwgImVycmJhY2tzIjogbnVsbCwgImNoYWluIjogbnVsbCwgImNob3JkIjogbnVsbH1d", "content-encoding": "utf-8", "content-type": "application/json", "headers": {"lang": "py", "task": "tasks.add", "id": "12345678-1234-5678-1234-567812345678", "shadow": null, "eta": null, "expires": null, "group": null, "group_index": null, "retries": 0, "timelimit": [null, null], "root_id": "12345678-1234-5678-1234-567812345678", "parent_id": null, "argsrepr": "(1, 2)", "kwargsrepr": "{}", "origin": "gen1@host", "ignore_result": false, "replaced_task_nesting": 0, "stamped_headers": null, "stamps": {}}, "properties": {"correlation_id": "12345678-1234-5678-1234-567812345678", "reply_to": "12345678-1234-5678-1234-567812345678", "delivery_mode": 2, "delivery_info": {"exchange": "", "routing_key": "celery"}, "priority": 0, "body_encoding": "base64", "delivery_tag": "12345678-1234-5678-1234-567812345678"}}`)
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := ParseMessage(data); err != nil {
			b.Fatal(err)
		}
	}
}
