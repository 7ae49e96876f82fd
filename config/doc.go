// Package config turns what a site already has (config.py, a .env file, the environment, an rclone
// configuration file, command-line flags) into one validated [Config].
//
// A setting comes from the first of these places that has it:
//
//	flag          --zarr-path s3://bucket/store.zarr
//	environment   HEALPIPE_ZARR_PATH, and Celery's own CELERY_BROKER_URL and CELERY_RESULT_BACKEND
//	.env          the same names, in the file beside config.py
//	config.py     ZARR_PATH = "bucket/store.zarr"
//	default       the usual value, where there is one
//
// [Config.Origin] tells which. All faults are found in one go and returned as one error with a line for
// each ([Faults]); each names the file, line and column, and what to write instead.
//
// # config.py
//
// The file is Python that users edit, and it is read without Python: its tokens are rewritten to Starlark
// (imports, f-strings, annotations, try/except, `**`, adjacent strings and a few more), and the result is
// run by go.starlark.net with pandas' dates, os, pathlib, datetime and dotenv as far as settings use them.
//
//	config.py --tokens--> logical lines --rewrite--> Starlark text --parse--> tree --guards--> run --> values
//	                          \___________ positions are carried along for messages ___________/
//
// A statement that cannot be understood spoils only the names that it assigns: the others keep their
// values, and a spoilt setting is no fault when a flag or the environment gives it. A statement that
// assigns nothing is left out and noted ([Config.Notes]), unless it raises an exception on purpose.
//
// Limits: only this one file is run; there is no network and no writing; steps, repetitions, ranges and
// nesting are bounded ([maxSteps], [maxRepeat], [maxSource]).
package config
