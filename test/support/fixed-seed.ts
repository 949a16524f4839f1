// Loaded before each test file where CI is set: there a property is tried with the same examples at every run, so that a build's colour depends on
// the change alone. Developers' runs look at new examples every time.
import fc from 'fast-check';

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(process.env['TALLYSTICK_PROPERTY_SEED'] ?? 1) });
