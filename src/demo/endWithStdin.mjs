// Loaded into an instance before the controller: it ends when the demo does, even when that was killed.
process.stdin.once("close", () => process.kill(process.pid, "SIGTERM")).resume()
