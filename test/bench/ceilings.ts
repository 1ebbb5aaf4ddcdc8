import { build } from "esbuild"
import { execFile } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"

const run = promisify(execFile)

/** What `bareUndici.ts` used, in milliseconds and MiB. */
export interface Bare {
  readonly cpu: number
  readonly requests: number
  readonly resident: number
  readonly peak: number
}

/** `seconds` 0: eight at once, as fast as they go. */
export const bareUndici = async (
  registry: URL,
  repositories: number,
  seconds: number,
  sweeps: number
): Promise<Bare> => {
  const folder = mkdtempSync(join(tmpdir(), "rw-bare-"))
  const outfile = join(folder, "bareUndici.mjs")
  // In one file as the image's own is: to strip types at start takes memory that a request does not.
  await build({
    entryPoints: [new URL("bareUndici.ts", import.meta.url).pathname],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    banner: {
      js: 'import { createRequire as makeRequire } from "node:module"; const require = makeRequire(import.meta.url);'
    }
  })
  const args = [outfile, registry.origin, repositories, seconds, sweeps].map(String)
  const { stdout } = await run(process.execPath, args)
  rmSync(folder, { recursive: true })
  return JSON.parse(stdout) as Bare
}

/** Milliseconds of CPU a request, 8 at once, of a client in C; null where it is not on PATH. */
export const apacheBench = async (registry: URL, requests: number): Promise<number | null> => {
  const url = `${registry.origin}/v2/bench/repo-0/tags/list?n=1000`
  // The shell says what its children used, on the second line: `0m0.120s 0m0.340s`.
  const script = `command -v ab >/dev/null || exit 0; ab -q -k -c 8 -n "$1" "$2" >/dev/null && times`
  const { stdout } = await run("/bin/sh", ["-c", script, "sh", String(Math.max(8, requests)), url])
  const [, line] = stdout.trim().split("\n")
  if (line === undefined) return null
  const seconds = [...line.matchAll(/(\d+)m([\d.]+)s/g)].map(
    ([, minutes, rest]) => Number(minutes) * 60 + Number(rest)
  )
  return (seconds.reduce((sum, each) => sum + each, 0) * 1000) / Math.max(8, requests)
}
