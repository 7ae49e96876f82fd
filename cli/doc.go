// Package cli is the command line: one file per command. It reads the settings, opens the storages, gives
// the jobs of regrid, curate and index their Celery names, and decides what is printed where:
//
//   - standard output: what was asked for (lists, reports), so that it can be piped;
//   - standard error: progress, log lines, and one line `healpipe: ...` for an error;
//   - exit status: 0 done, 1 failed, 2 the command line is wrong, 69 no worker replied (as Celery's).
//
// Called through a link named `celery` it is the same program under the other name.
package cli
