"""What a program is told and keeps on this machine: flags, state directory, passwords, ports."""
