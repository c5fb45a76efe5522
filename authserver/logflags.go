// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/pflag"

	"github.com/ostiary/ostiary/authserver/telemetry"
)

// logFlags are the options of the command line that concern the log.
type logFlags struct {
	sample                          float64
	rate                            int
	file, format, identity, keyFile string
	key                             []byte
}

func (o *logFlags) add(f *pflag.FlagSet) {
	f.Float64Var(&o.sample, "decision-log-sample", 1, "with --decision-log=all: the part of the decisions that let a request pass that is logged, above 0, at most 1; refusals always are")
	f.IntVar(&o.rate, "log-rate", telemetry.DefaultLogRate, "how many bytes a second the log may grow by for each of four kinds of lines "+
		"(requests that pass, requests that are refused, warnings, and all else), for longer than ten seconds; "+
		"more lines are left out and counted; 0: any number")
	f.StringVar(&o.file, "log-file", "", "`FILE` to which the log is appended; a renamed one is followed by a new one (default: standard error)")
	f.StringVar(&o.format, "log-format", "auto", "json, text, or auto for text on a terminal and json elsewhere")
	f.StringVar(&o.identity, "log-identity", "plain", "how the log names people: plain (the provider's user ID, and the email address), hash (a keyed hash of each) or none")
	f.StringVar(&o.keyFile, "log-identity-key", "", "`FILE` with the key of --log-identity=hash, at least 16 random bytes, the same for all replicas (default: one that each process makes)")
}

// A flagProblem is what is wrong with a flag; with no error, nothing is.
type flagProblem struct {
	flag string
	err  error
}

// check reads them, and says of each what is wrong.
func (o *logFlags) check() []flagProblem {
	var sample, unused error
	if o.sample <= 0 || o.sample > 1 {
		sample = fmt.Errorf("%v: above 0, at most 1", o.sample)
	}
	var rate error
	if o.rate != 0 && o.rate < telemetry.MinLogRate {
		rate = fmt.Errorf("%d: 0, or at least %d", o.rate, telemetry.MinLogRate)
	}
	_, format := telemetry.ParseFormat(o.format)
	mode, identity := telemetry.ParseIdentity(o.identity)
	if o.keyFile != "" && mode != telemetry.IdentityHash {
		unused = fmt.Errorf("it is for --log-identity=hash alone")
	}
	var key error
	if mode == telemetry.IdentityHash {
		o.key, key = telemetry.ReadIdentityKey(o.keyFile)
	}
	return []flagProblem{{"--decision-log-sample", sample}, {"--log-rate", rate}, {"--log-format", format}, {"--log-identity", identity},
		{"--log-identity-key", unused}, {"--log-identity-key", key}}
}

// OpenLog returns where the log is written: to stderr, or to --log-file. Close it.
func (o *Flags) OpenLog(stderr io.Writer) (*telemetry.LogWriter, error) {
	options := telemetry.WriterOptions{Format: telemetry.Format(o.log.format), Rate: o.log.rate}
	if o.log.file == "" {
		return telemetry.NewLogWriter(stderr, options), nil
	}
	f, err := telemetry.OpenFile(o.log.file)
	if err != nil {
		return nil, fmt.Errorf("--log-file: %w", err)
	}
	return telemetry.NewLogWriter(f, options), nil
}

// logger returns the log that writes to w, and to a collector if there is one.
func (o *Flags) logger(w io.Writer) *slog.Logger {
	options := o.handlerOptions()
	h := telemetry.NewHandler(w, options)
	if exported := o.export.exports.Handler(options.Level, options.Replace); exported != nil {
		h = telemetry.Both(h, exported)
	}
	return slog.New(h)
}

func (o *Flags) handlerOptions() telemetry.HandlerOptions {
	var level slog.Level
	_ = level.UnmarshalText([]byte(o.logLevel)) // Config has looked
	return telemetry.HandlerOptions{Level: level, Format: telemetry.Format(o.log.format), Identity: telemetry.Identity(o.log.identity),
		Key: o.log.key, Traces: o.export.options.Traces != ""}
}
