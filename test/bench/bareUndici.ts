// ORIGIN REPOSITORIES SECONDS SWEEPS: the listings that the controller asks for, by undici
// alone: one sweep to warm up, then each repository once in every SECONDS, on timers as jittered as ours; or, with 0
// SECONDS, one after another on 8 connections. Prints milliseconds of CPU, requests and MiB as JSON.
import { setTimeout as pause } from "node:timers/promises"
import { Agent } from "undici"
import { processUse } from "./processUse.ts"

const [origin, ...sizes] = process.argv.slice(2)
const [repositories = 0, seconds = 0, sweeps = 1] = sizes.map(Number)

const agent = new Agent({ connections: 8, pipelining: 1 })
const headers = { accept: "application/json", "accept-encoding": "identity", "user-agent": "bench" }
let requests = 0

const list = async (n: number): Promise<void> => {
  const { statusCode, body } = await agent.request({
    origin: origin ?? "",
    path: `/v2/bench/repo-${n}/tags/list?n=1000`,
    method: "GET",
    headers
  })
  const { tags } = JSON.parse(await body.text()) as { readonly tags: ReadonlyArray<string> }
  if (statusCode !== 200 || tags.length === 0) throw new Error(`repo-${n}: ${statusCode}`)
  requests += 1
}

const numbers = Array.from({ length: repositories }, (_, n) => n)

/** Eight at a time, each as soon as one before it is over. */
const atOnce = async (times: number): Promise<void> => {
  const left = Array.from({ length: times }, () => numbers).flat()
  const work = async (): Promise<void> => {
    for (let n = left.pop(); n !== undefined; n = left.pop()) await list(n)
  }
  await Promise.all(Array.from({ length: 8 }, work))
}

/** Chance is that of the run: where in the interval each begins, and 5 % either way between two. */
const chance = () => crypto.getRandomValues(new Uint32Array(1))[0]! / 2 ** 32

const spread = async (endsAt: number): Promise<void> => {
  const watch = async (n: number): Promise<void> => {
    let next = performance.now() + seconds * 1000 * chance()
    while (next < endsAt) {
      await pause(next - performance.now())
      await list(n)
      next += seconds * 1000 * (0.95 + 0.1 * chance())
    }
  }
  await Promise.all(numbers.map(watch))
}

await atOnce(1)
requests = 0
const before = processUse(process.pid)
if (seconds === 0) await atOnce(sweeps)
else await spread(performance.now() + seconds * 1000 * sweeps)
const after = processUse(process.pid)
process.stdout.write(
  `${JSON.stringify({ cpu: after.cpu - before.cpu, requests, resident: after.resident, peak: after.peak })}\n`
)
await agent.close()
