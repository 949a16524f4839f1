import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { InfraError } from './errors.ts';
import { findOnPath } from './processes.ts';

const howToInstall =
  'install it (Debian, Ubuntu: apt install openjdk-17-jre-headless; macOS: brew install openjdk@17) and try again';

/** The major version that `java -version` prints, or null: "17.0.15" is 17, "1.8.0_392" is 8, "26-ea" is 26. */
export function parseJavaVersion(output: string): number | null {
  const match = /version "(?:1\.)?([0-9]+)/.exec(output);
  return match === null ? null : Number(match[1]);
}

/**
 * The `java` to run, from JAVA_HOME as Maven takes it, else from PATH. JAVA_MISSING or JAVA_TOO_OLD say what to do.
 */
export function findJava(): string {
  const home = process.env['JAVA_HOME'];
  const fromHome = home === undefined || home === '' ? null : join(home, 'bin', 'java');
  const java = fromHome !== null && existsSync(fromHome) ? fromHome : findOnPath('java');
  if (java === null) {
    throw new InfraError(
      'JAVA_MISSING',
      `Kafka and the schema registry need Java 17 or newer, and there is no "java" on PATH or in JAVA_HOME: ${howToInstall}`,
    );
  }
  const answer = spawnSync(java, ['-version'], { encoding: 'utf8', timeout: 30_000 });
  const version = parseJavaVersion(`${answer.stderr}${answer.stdout}`);
  if (answer.status !== 0 || version === null) {
    throw new InfraError(
      'JAVA_MISSING',
      `Kafka and the schema registry need Java 17 or newer, and ${java} does not tell its version: ${howToInstall}`,
      {
        evidence: { java, status: answer.status, output: answer.stderr },
      },
    );
  }
  if (version < 17) {
    throw new InfraError(
      'JAVA_TOO_OLD',
      `Kafka and the schema registry need Java 17 or newer, and ${java} is Java ${version}: ${howToInstall}`,
      {
        evidence: { java, version },
      },
    );
  }
  return java;
}

/** The `mvn` to run. MAVEN_MISSING says what to do. */
export function findMaven(): string {
  const maven = findOnPath('mvn');
  if (maven !== null) return maven;
  throw new InfraError(
    'MAVEN_MISSING',
    'Kafka and the schema registry are downloaded once with Maven, and there is no "mvn" on PATH: install it (Debian, Ubuntu: apt install maven; macOS: brew install maven) and try again',
  );
}
