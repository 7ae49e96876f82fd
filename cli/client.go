package cli

import (
	"github.com/urfave/cli/v2"

	"healpipe/celery"
	"healpipe/config"
)

// brokerSettings reads the settings for a command that talks to the broker.
func (p *program) brokerSettings(c *cli.Context) (*config.Config, error) {
	cfg, err := p.settings(c)
	if err != nil {
		return nil, err
	}
	return cfg, cfg.Require("CELERY_BROKER")
}

// client opens a Celery app on the settings' broker, for commands that send. queues are those that it
// knows; none is Celery's default.
func (p *program) client(c *cli.Context, queues ...string) (*celery.App, error) {
	cfg, err := p.brokerSettings(c)
	if err != nil {
		return nil, err
	}
	conf := celeryConfig(cfg, appName(c))
	for _, q := range queues {
		conf.Queues = append(conf.Queues, celery.Queue{Name: q})
	}
	return celery.New(conf), nil
}
