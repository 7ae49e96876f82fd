package celery_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"healpipe/celery"
	"healpipe/internal/testenv"
)

// A permission that the broker's user lacks is named, with where the whole rule stands, wherever it is missed first.
func TestLackingPermissions(t *testing.T) {
	t.Parallel()
	const acl = "ACL LOG on the server names it" // as Redis 7.0 does not say which command of a script it refuses
	const message = `{"body":"W10=","content-type":"application/json","headers":{},"properties":{"delivery_tag":"x","body_encoding":"base64","delivery_info":{"exchange":"","routing_key":"celery"}}}`
	for denied, want := range map[string]string{
		"-select": "'select'", "-evalsha": "'evalsha'", "-psubscribe": "'psubscribe'", "-sadd": "'sadd'", "-blmove": "'blmove'",
		"-rpop": acl, "-hset": acl, "-zadd": acl, "-lpush": acl, "resetchannels": "channels", "-publish": "'publish'",
	} {
		t.Run(denied, func(t *testing.T) {
			t.Parallel()
			server := testenv.StartRedis(t, append(testenv.LeastACL(t, ""), denied)...)
			if _, err := dial(t, server.URL(1)).Do("LPUSH", "celery", message, "anything"); err != nil {
				t.Fatal(err)
			}
			defer func() { // nothing is lost by it
				c := dial(t, server.URL(1))
				if n := length(t, c, "LLEN", "celery") + length(t, c, "HLEN", "unacked") + length(t, c, "LLEN", "unacked.dead"); n != 2 {
					t.Errorf("%d of 2 messages are left", n)
				}
			}()
			url := strings.Replace(server.URL(1), "redis://", "redis://worker:pw@", 1)
			app := newApp(t, celery.Config{Broker: url, ResultBackend: url})
			log := new(syncBuffer)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			defer func() {
				if t.Failed() {
					t.Log(log.tail())
				}
			}()
			ended := make(chan error, 1)
			w := app.Worker(celery.WorkerOptions{Quiet: true, LogWriter: log, Stdout: log, LogLevel: celery.Info, WithoutMingle: true})
			go func() { ended <- w.Run(ctx) }()
			testenv.WaitFor(t, time.Minute, "a line that names "+want, func() bool {
				text := log.String()
				select {
				case err := <-ended:
					ended <- err
					text += fmt.Sprint(err)
				default:
				}
				for line := range strings.SplitSeq(text, "\n") {
					if strings.Contains(line, want) && strings.Contains(line, "docs/operations.md has the least one") {
						return true
					}
				}
				return false
			})
			cancel()
			<-ended
		})
	}
}
