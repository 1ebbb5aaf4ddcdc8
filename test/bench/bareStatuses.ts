// NOMAD JOBS SECONDS: what following must ask, by undici alone: the statuses of all jobs in one call every 2 seconds, and
// their JSON read. Prints milliseconds of CPU a second and MiB as JSON.
import { setTimeout as pause } from "node:timers/promises"
import { request } from "undici"
import { processUse } from "./processUse.ts"

const [nomad = "", jobs = "", seconds = ""] = process.argv.slice(2)
const Jobs = Array.from({ length: Number(jobs) }, (_, n) => ({ ID: `repo-${n}`, Namespace: "default" }))

const ask = async (): Promise<void> => {
  const { statusCode, body } = await request(`${nomad}/v1/jobs/statuses`, {
    method: "POST",
    body: JSON.stringify({ Jobs })
  })
  const statuses = JSON.parse(await body.text()) as ReadonlyArray<unknown>
  if (statusCode !== 200 || statuses.length !== Jobs.length) throw new Error(`statuses: ${statusCode}`)
}

await ask()
const before = processUse(process.pid)
const began = performance.now()
for (const endsAt = began + Number(seconds) * 1000; performance.now() < endsAt; await pause(2000)) await ask()
const took = (performance.now() - began) / 1000
const { cpu, resident } = processUse(process.pid)
process.stdout.write(`${JSON.stringify({ cpu: (cpu - before.cpu) / took, resident })}\n`)
process.exit(0)
