"""What to show next: item–item neighbours from orders, popularity where there is no history."""
