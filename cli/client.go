package cli

import (
	"context"

	"github.com/urfave/cli/v2"

	"healpipe/celery"
	"healpipe/celery/kombu"
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

// client opens a Celery app on the settings' broker, for commands that send.
func (p *program) client(c *cli.Context) (*celery.App, error) {
	cfg, err := p.brokerSettings(c)
	if err != nil {
		return nil, err
	}
	conf, err := celeryConfig(cfg, appName(c))
	if err != nil {
		return nil, err
	}
	return celery.New(conf), nil
}

// withBroker gives f a connection to the broker.
func (p *program) withBroker(c *cli.Context, f func(context.Context, *celery.App, *kombu.Connection) error) error {
	app, err := p.client(c)
	if err != nil {
		return err
	}
	defer app.Close()
	ctx, stop := interruptible(c.Context)
	defer stop()
	conn, err := app.Dial(ctx)
	if err != nil {
		return unreachable(err)
	}
	defer conn.Close()
	return f(ctx, app, conn)
}
