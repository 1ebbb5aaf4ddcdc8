import { assert, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { copyFileSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { unprivileged } from "../../src/store/Unprivileged.ts"

// As a fresh clone under `mktemp -d` or /root: initdb asks access(2) whether it may run the server beside it.
it("a program behind a closed door may be run, by a user that is not root", () => {
  const closed = mkdtempSync(join(tmpdir(), "rw-closed-"))
  try {
    const program = join(closed, "program")
    copyFileSync("/bin/true", program)
    const user = unprivileged()
    const script = `[ "$(id -u)" != 0 ] && [ -x ${program} ] && ${program}`
    assert.doesNotThrow(() => execFileSync(...user.command("/bin/sh", ["-c", script]), user.options))
  } finally {
    rmSync(closed, { recursive: true, force: true })
  }
})
