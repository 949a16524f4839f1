module tallystick.example/checker

go 1.22
