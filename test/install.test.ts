import { assert, it } from "@effect/vitest"
import { execFileSync, spawn } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { onPath } from "./real/dockerRegistry.ts"

const root = new URL("..", import.meta.url).pathname
const npm = execFileSync("sh", ["-c", "command -v npm"], { encoding: "utf8" }).trim()

// Two terminals, as the README has them: side by side, one `npm ci` deletes what the other has just written.
it.skipIf(onPath("flock") === undefined)("two commands at once install what is missing once", async () => {
  const folder = mkdtempSync(join(tmpdir(), "rw-install-"))
  try {
    for (const file of ["package.json", "package-lock.json"]) cpSync(join(root, file), join(folder, file))
    mkdirSync(join(folder, "bin"))
    // In place of `npm ci`, which would ask the network.
    const ci = `mkdir -p node_modules; echo began >>installs; sleep 0.5; echo ended >>installs; touch node_modules/.package-lock.json`
    const script = `#!/bin/sh\nif [ "$1" = ci ]; then ${ci}; else exec ${npm} "$@"; fi\n`
    writeFileSync(join(folder, "bin/npm"), script, { mode: 0o755 })
    const install = () =>
      new Promise<number | null>((resolve) => {
        const env = { ...process.env, PATH: `${join(folder, "bin")}:${process.env["PATH"]}` }
        const args = ["run", "-s", "install-missing"]
        const child = spawn(npm, args, { cwd: folder, env, stdio: "ignore" })
        child.once("close", resolve)
      })
    assert.deepStrictEqual(await Promise.all([install(), install()]), [0, 0])
    assert.strictEqual(readFileSync(join(folder, "installs"), "utf8"), "began\nended\n")
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
