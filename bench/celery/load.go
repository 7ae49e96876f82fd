package main

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
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

// drained measures the rate and the processor time, the worker's and the server's, of the last four fifths of n tasks.
func drained(c redis.Conn, p *proc, n int, list, held string) (rate float64, cpu, server time.Duration, err error) {
	var begin time.Time
	var used, usedServer time.Duration
	first := 0
	deadline := time.Now().Add(3 * time.Minute)
	for time.Now().Before(deadline) {
		_, all, err := left(c, list, held)
		if err != nil {
			return 0, 0, 0, err
		}
		now := time.Now()
		if begin.IsZero() && all <= n*4/5 {
			begin, used, usedServer, first = now, p.cpu(), serverCPU(c), all
		}
		if all == 0 {
			if first == 0 {
				return 0, 0, 0, fmt.Errorf("%d tasks were done before they could be measured: more are needed", n)
			}
			tasks := time.Duration(first)
			return float64(first) / now.Sub(begin).Seconds(), (p.cpu() - used) / tasks, (serverCPU(c) - usedServer) / tasks, nil
		}
		time.Sleep(5 * time.Millisecond)
	}
	return 0, 0, 0, fmt.Errorf("the queue was not drained\n%s", p.log.String())
}

// serverCPU is the processor time that redis-server has taken; 0 if it does not say.
func serverCPU(c redis.Conn) time.Duration {
	info, _ := redis.String(c.Do("INFO", "cpu"))
	var sum float64
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name == "used_cpu_sys" || name == "used_cpu_user" {
			s, _ := strconv.ParseFloat(value, 64)
			sum += s
		}
	}
	return time.Duration(sum * float64(time.Second))
}
