import { Effect, type Scope } from "effect"
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core"
import { realPart } from "./dockerRegistry.ts"

const executablePath = realPart("chromium")

/** True where there is no Chromium to run: `describe.skipIf(noChromium)`. */
export const noChromium = executablePath === undefined

let launched: Promise<Browser> | undefined

/** One for all tests of a file. */
const browser = () =>
  (launched ??= chromium.launch({
    ...(executablePath !== undefined && { executablePath }),
    // Root has no sandbox, and containers have a small /dev/shm.
    args: ["--no-sandbox", "--disable-dev-shm-usage"]
  }))

/** For `afterAll`. */
export const closeBrowser = async () => (await launched)?.close()

/** A tab, and every error that its console was told: a violated policy is one. */
export interface Tab {
  readonly page: Page
  readonly errors: Array<string>
}

/** A new session: nothing that another tab kept is in it. */
export const openTab = (
  url: string,
  options: BrowserContextOptions = {}
): Effect.Effect<Tab, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const context = await (await browser()).newContext(options)
      const page = await context.newPage()
      page.setDefaultTimeout(10_000)
      const errors: Array<string> = []
      page.on("console", (message) => {
        if (message.type() === "error") errors.push(message.text())
      })
      page.on("pageerror", (error) => errors.push(String(error)))
      await page.goto(url)
      return { page, errors }
    }),
    ({ page }) => Effect.promise(() => page.context().close())
  )
