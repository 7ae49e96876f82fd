package main

import (
	"encoding/base64"
	"fmt"
	"time"

	"github.com/gomodule/redigo/redis"
)

// message is a task message exactly as Celery's producer puts it into the list; eta "" for none.
func message(task, id, args, eta string) string {
	if eta == "" {
		eta = "null"
	} else {
		eta = `"` + eta + `"`
	}
	body := base64.StdEncoding.EncodeToString([]byte("[[" + args + `], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]`))
	return fmt.Sprintf(`{"body": "%s", "content-encoding": "utf-8", "content-type": "application/json", "headers": `+
		`{"lang": "py", "task": "%s", "id": "%s", "shadow": null, "eta": %s, "expires": null, "group": null, "group_index": null, `+
		`"retries": 0, "timelimit": [null, null], "root_id": "%s", "parent_id": null, "argsrepr": "(%s)", "kwargsrepr": "{}", `+
		`"origin": "gen1@bench", "ignore_result": true, "replaced_task_nesting": 0, "stamped_headers": null, "stamps": {}}, `+
		`"properties": {"correlation_id": "%s", "reply_to": "00000000-0000-0000-0000-000000000000", "delivery_mode": 2, `+
		`"delivery_info": {"exchange": "", "routing_key": "celery"}, "priority": 0, "body_encoding": "base64", "delivery_tag": "%s"}}`,
		body, task, id, eta, id, args, id, id)
}

func taskID(i int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", i) }

// fill puts n messages into the queue.
func fill(c redis.Conn, n int, task, eta string) error {
	for i := range n {
		if err := c.Send("LPUSH", "celery", message(task, taskID(i), "", eta)); err != nil {
			return err
		}
		if i%1000 == 999 || i == n-1 {
			if _, err := c.Do(""); err != nil {
				return err
			}
		}
	}
	return nil
}

// left counts what waits and what is held.
func left(c redis.Conn, list, held string) (waiting, all int, err error) {
	_ = c.Send("LLEN", list)
	_ = c.Send(held, map[string]string{"HLEN": "unacked", "LLEN": "asynq:{default}:active"}[held])
	v, err := redis.Ints(c.Do(""))
	if err != nil {
		return 0, 0, err
	}
	return v[0], v[0] + v[1], nil
}

// drained measures the rate and the processor time of the last four fifths of n tasks.
func drained(c redis.Conn, p *proc, n int, list, held string) (rate float64, cpu time.Duration, err error) {
	var begin time.Time
	var used time.Duration
	first := 0
	deadline := time.Now().Add(3 * time.Minute)
	for time.Now().Before(deadline) {
		_, all, err := left(c, list, held)
		if err != nil {
			return 0, 0, err
		}
		now := time.Now()
		if begin.IsZero() && all <= n*4/5 {
			begin, used, first = now, p.cpu(), all
		}
		if all == 0 {
			if first == 0 {
				return 0, 0, fmt.Errorf("%d tasks were done before they could be measured: more are needed", n)
			}
			return float64(first) / now.Sub(begin).Seconds(), (p.cpu() - used) / time.Duration(first), nil
		}
		time.Sleep(5 * time.Millisecond)
	}
	return 0, 0, fmt.Errorf("the queue was not drained\n%s", p.log.String())
}
