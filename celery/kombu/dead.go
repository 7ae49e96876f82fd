package kombu

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/gomodule/redigo/redis"
)

// A dead letter is a line of JSON, {"list", "reason", "time"}, and the element's bytes as they were.

// deadLetter makes one with our own clock; the scripts use the server's.
func deadLetter(list, reason string, raw []byte) []byte {
	out := appendString([]byte(`{"list":`), list)
	out = appendString(append(out, `,"reason":`...), reason)
	out = fmt.Appendf(out, ",\"time\":%.3f}\n", float64(time.Now().UnixMilli())/1e3)
	return append(out, raw...)
}

func (c *Connection) deadLetters(ctx context.Context, n int) ([]DeadLetter, error) {
	if n <= 0 {
		return nil, nil
	}
	items, err := redis.ByteSlices(c.do(ctx, true, "LRANGE", c.keys.dead, 0, n-1))
	if err != nil {
		return nil, fmt.Errorf("dead letters: %w", err)
	}
	out := make([]DeadLetter, len(items))
	for i, item := range items {
		head, raw, _ := bytes.Cut(item, []byte("\n"))
		var h struct {
			List, Reason string
			Time         float64
		}
		if err := json.Unmarshal(head, &h); err != nil {
			out[i] = DeadLetter{Reason: "unknown", Raw: item}
			continue
		}
		sec, frac := math.Modf(h.Time)
		out[i] = DeadLetter{c.keys.queue(h.List), h.Reason, time.Unix(int64(sec), int64(frac*1e9)), raw}
	}
	return out, nil
}
