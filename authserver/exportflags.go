// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"

	"github.com/ostiary/ostiary/authserver/telemetry"
	"github.com/ostiary/ostiary/authserver/telemetry/otlp"
	"github.com/ostiary/ostiary/authserver/telemetry/span"
)

// exportFlags are the options of the command line that concern collectors of traces and logs.
type exportFlags struct {
	options  otlp.Options
	protocol string
	trust    bool
	exports  *otlp.Exports
}

func (o *exportFlags) add(f *pflag.FlagSet) {
	f.StringVar(&o.options.Traces, "tracing-endpoint", "", "`URL` of a collector that gets traces by OTLP, such as http://collector:4317, https for TLS (default: nothing is traced)")
	f.Float64Var(&o.options.Ratio, "tracing-sampling-ratio", 0.01, "the part of the requests that is traced, 0 to 1, of those that bring no trace along")
	f.Float64Var(&o.options.PerSecond, "tracing-sampling-limit", 100, "how many traces are begun a second at most, and how many that requests bring along are joined")
	f.BoolVar(&o.trust, "tracing-trust-incoming-span", true, "whether a traceparent that comes with a question is the parent of its span; if not, it is a link")
	f.StringVar(&o.options.Logs, "log-otlp-endpoint", "", "`URL` of a collector that gets the log by OTLP, too, such as http://collector:4317, https for TLS (default: none does)")
	f.StringVar(&o.protocol, "otlp-protocol", string(otlp.GRPC), "how collectors are spoken to: grpc or http/protobuf")
}

// check reads them, and says of each what is wrong.
func (o *exportFlags) check() []flagProblem {
	var ratio, limit, protocol error
	if !(o.options.Ratio >= 0 && o.options.Ratio <= 1) {
		ratio = fmt.Errorf("%v: 0 to 1", o.options.Ratio)
	}
	if !(o.options.PerSecond > 0 && o.options.PerSecond <= maxTraces) {
		limit = fmt.Errorf("%v: above 0, at most %d", o.options.PerSecond, maxTraces)
	}
	o.options.Protocol, protocol = otlp.ParseProtocol(o.protocol)
	return []flagProblem{{"--tracing-endpoint", otlp.ParseEndpoint(o.options.Traces)}, {"--tracing-sampling-ratio", ratio},
		{"--tracing-sampling-limit", limit}, {"--log-otlp-endpoint", otlp.ParseEndpoint(o.options.Logs)}, {"--otlp-protocol", protocol}}
}

// maxTraces is how many traces a second anybody can want: more would be lost on the way.
const maxTraces = 100_000

// OpenExports begins to export what flags say, and has c say so. Close what it returns.
// What it complains of is written to w.
func (o *Flags) OpenExports(c *Config, version string, w io.Writer) (io.Closer, error) {
	x := &o.export
	if x.options.Traces == "" && x.options.Logs == "" {
		return nothing{}, nil
	}
	x.options.Version, x.options.Log = version, slog.New(telemetry.NewHandler(w, o.handlerOptions()))
	exports, err := otlp.New(context.Background(), x.options)
	if err != nil {
		return nil, errors.Join(err, exports.Close())
	}
	x.exports = exports
	if c.Metrics != nil {
		measureExports(c.Metrics, exports)
	}
	if provider := exports.Traces(); provider != nil {
		hide := o.handlerOptions()
		c.Tracer = span.New(span.Options{Provider: provider, Distant: !x.trust, Hide: hide.Hide})
	}
	return exports, nil
}

func measureExports(r prometheus.Registerer, exports *otlp.Exports) {
	telemetry.Counter(r, "ostiary_spans_dropped_total",
		"Spans that were lost, as the collector of traces is slow or away.", func() float64 {
			spans, _ := exports.Dropped()
			return float64(spans)
		})
	telemetry.Counter(r, "ostiary_log_records_dropped_total",
		"Log lines that the collector of logs did not get, as it is slow or away. Standard error, or the file, has them.", func() float64 {
			_, lines := exports.Dropped()
			return float64(lines)
		})
}

type nothing struct{}

func (nothing) Close() error { return nil }
