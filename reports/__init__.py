"""From a run's ledger to findings, a verdict and pages. Importing this package loads no pandas."""
