import { monitorEventLoopDelay } from "node:perf_hooks"

const delay = monitorEventLoopDelay({ resolution: 20 })

/** Prometheus's names for what every process has, and Node's for what every Node has; read anew at each call. */
export const processMetrics = (): string => {
  delay.enable()
  const { user, system } = process.cpuUsage()
  const { rss, heapUsed, heapTotal, external } = process.memoryUsage()
  const lines = [
    metric("process_cpu_seconds_total", "counter", (user + system) / 1e6),
    metric("process_resident_memory_bytes", "gauge", rss),
    metric("process_uptime_seconds", "gauge", process.uptime()),
    metric("nodejs_heap_size_used_bytes", "gauge", heapUsed),
    metric("nodejs_heap_size_total_bytes", "gauge", heapTotal),
    metric("nodejs_external_memory_bytes", "gauge", external),
    metric("nodejs_active_resources", "gauge", process.getActiveResourcesInfo().length),
    // Since the last look; not a number before there was one.
    metric("nodejs_eventloop_lag_max_seconds", "gauge", delay.count === 0 ? 0 : delay.max / 1e9)
  ]
  delay.reset()
  return lines.join("")
}

const metric = (name: string, type: "counter" | "gauge", value: number): string =>
  `# TYPE ${name} ${type}\n${name} ${value}\n`
