import { relative } from "node:path"
import { defineConfig } from "vitest/config"
import { edited, root } from "./test/mutants/Mutant.ts"
import { planted } from "./test/mutants/planted.ts"

// Only `npm run mutants` names one: the bug stands in what the tests load, and nowhere on disk.
const mutant = planted(process.env)
const plugin = {
  name: "mutant",
  enforce: "pre" as const,
  transform: (code: string, id: string) => {
    const file = relative(root, id.split("?")[0] ?? id)
    return mutant?.edits.some((edit) => edit.file === file) === true
      ? { code: edited(file, code, mutant.edits), map: null }
      : undefined
  }
}

export default defineConfig({
  plugins: mutant === undefined ? [] : [plugin],
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/real/postgresServer.ts"],
    testTimeout: 20_000,
    // Modules are loaded once a worker: the suite takes half the time. A file leaves no state in a module that is not its own.
    isolate: false,
    // What was transformed with a bug must not be found by a run without, nor the other way round.
    fsModuleCache: mutant === undefined
  }
})
