// A vitest reporter for CI: names each test that passed only when it was tried again, so that it gets mended and not forgotten.
export default class SecondTries {
  onTestRunEnd(modules) {
    for (const module of modules)
      for (const test of module.children.allTests('passed'))
        if (test.diagnostic()?.flaky === true)
          console.log(
            `passed only when tried again: ${module.relativeModuleId} > ${test.fullName}: ${firstError(test) ?? 'no message'}`,
          );
  }
}

function firstError(test) {
  return test.result().errors?.[0]?.message?.split('\n')[0];
}
