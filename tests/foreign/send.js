// Sends the facts of facts.py by the JavaScript SDK.
//   node send.js grpc|http-json|http-protobuf ADDRESS SERVICE [gzip]
const { SpanKind, SpanStatusCode, context, trace } = require("@opentelemetry/api");
const { resourceFromAttributes } = require("@opentelemetry/resources");
const { BasicTracerProvider, SimpleSpanProcessor } = require("@opentelemetry/sdk-trace-node");
const { LoggerProvider, SimpleLogRecordProcessor } = require("@opentelemetry/sdk-logs");
const { MeterProvider, PeriodicExportingMetricReader } = require("@opentelemetry/sdk-metrics");

const [flavour, address, service, compression = "none"] = process.argv.slice(2);
const suffix = { grpc: "grpc", "http-json": "http", "http-protobuf": "proto" }[flavour];

function exporter(signal, name) {
  const { [name]: Exporter } = require(`@opentelemetry/exporter-${signal}-otlp-${suffix}`);
  const path = signal === "trace" ? "traces" : signal;
  const url = flavour === "grpc" ? `http://${address}` : `http://${address}/v1/${path}`;
  return new Exporter({ url, compression });
}

async function main() {
  const resource = resourceFromAttributes({ "service.name": service });
  const spans = new BasicTracerProvider({
    resource,
    spanProcessors: [new SimpleSpanProcessor(exporter("trace", "OTLPTraceExporter"))],
  });
  const start = [1700000000, 0];
  const tracer = spans.getTracer("facts", "1.0");
  const parent = tracer.startSpan("triage", {
    kind: SpanKind.SERVER,
    startTime: start,
    attributes: {
      "app.stage": "triage",
      "app.size": 12,
      "app.share": 0.75,
      "app.ready": true,
      "app.levels": ["a", "b"],
    },
  });
  const inner = tracer.startSpan(
    "predict sepsis-risk",
    {
      startTime: [1700000000, 1000000],
      attributes: {
        "medical_ai.model.name": "sepsis-risk",
        "medical_ai.prediction.label": "high",
        "medical_ai.prediction.score": 0.93,
      },
    },
    trace.setSpan(context.active(), parent),
  );
  inner.addEvent("checked", { "app.step": 1 }, [1700000000, 2000000]);
  inner.setStatus({ code: SpanStatusCode.ERROR, message: "threshold passed" });
  inner.end([1700000000, 5000000]);
  parent.setStatus({ code: SpanStatusCode.OK });
  parent.end([1700000000, 250000000]);

  const logs = new LoggerProvider({
    resource,
    processors: [
      new SimpleLogRecordProcessor({ exporter: exporter("logs", "OTLPLogExporter") }),
    ],
  });
  logs.getLogger("facts", "1.0").emit({
    timestamp: start,
    severityNumber: 9,
    severityText: "INFO",
    body: "triage done",
    attributes: { "app.size": 12 },
  });

  const meters = new MeterProvider({
    resource,
    readers: [
      new PeriodicExportingMetricReader({
        exporter: exporter("metrics", "OTLPMetricExporter"),
        exportIntervalMillis: 3600000,
      }),
    ],
  });
  const meter = meters.getMeter("facts", "1.0");
  meter.createCounter("app.calls", { unit: "{call}" }).add(3, { "app.stage": "triage" });
  const wait = meter.createHistogram("app.wait", {
    unit: "ms",
    advice: { explicitBucketBoundaries: [10, 100] },
  });
  wait.record(5);
  wait.record(15);
  meter.createObservableGauge("app.load").addCallback((result) => result.observe(0.5));

  for (const provider of [spans, logs, meters]) await provider.shutdown();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
