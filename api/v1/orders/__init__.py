"""Orders: place one, wait for its decision or not, read, accept, ship and refund it, hear of payments."""
