"""What a backend copies, by itself: what it sends is seen by whoever runs the cases."""

import unittest

import grpc

from descriptors import message
from statusway import Failure, Preconditions, allowance, choose_status, fail, plain_fail, prefer_wait

_ErrorInfo = message("google.rpc.ErrorInfo")
_ResourceInfo = message("google.rpc.ResourceInfo")
_Status = message("google.rpc.Status")

_SAVED = 784111777  # Sun, 06 Nov 1994 08:49:37 GMT


def _reason(failure):
    status = _Status.FromString(failure.metadata["grpc-status-details-bin"])
    info = _ErrorInfo()
    status.details[0].Unpack(info)
    return status.code, info.reason


class StatuswayTest(unittest.TestCase):
    def _holds(self, key, value, *stored):
        try:
            Preconditions([(key, value)]).check(*stored)
        except Failure as failure:
            self.assertEqual(_reason(failure), (10, "PRECONDITION_FAILED"))
            return False
        return True

    def test_conditions(self):
        for key, value, stored, missing in [
            ("x", "y", True, True),
            ("if-match", '"a"', True, False),
            ("if-match", '"x", "a"', True, False),
            ("if-match", '"x",, "a",', True, False),
            ("if-match", '"x,a"', False, False),
            ("if-match", '"x\\", "a"', True, False),
            ("if-match", 'W/"a"', False, False),
            ("if-match", "*", True, False),
            ("if-match", '"*"', False, False),
            ("if-match", '"A"', False, False),
            ("if-match", "a", False, False),
            ("if-match", '"a" "b"', False, False),
            ("if-none-match", '"a"', False, True),
            ("if-none-match", 'W/"a"', False, True),
            ("if-none-match", '"x"', True, True),
            ("if-none-match", "*", False, True),
            ("if-unmodified-since", "Sun, 06 Nov 1994 08:49:37 GMT", True, True),
            ("if-unmodified-since", "Sun, 06 Nov 1994 08:49:36 GMT", False, True),
            ("if-unmodified-since", "yesterday", True, True),
        ]:
            with self.subTest(f"{key}: {value}"):
                self.assertEqual(self._holds(key, value, "a", _SAVED), stored)
                self.assertEqual(self._holds(key, value), missing)

    def test_if_match_puts_the_date_aside(self):
        both = [("if-match", '"a"'), ("if-unmodified-since", "Sun, 06 Nov 1994 08:49:36 GMT")]
        Preconditions(both).check("a", _SAVED)

    def test_errors(self):
        said = (grpc.StatusCode.NOT_FOUND, "No.", "NO_CUP", "shop.v1")
        self.assertEqual(_reason(fail(*said, metadata={"id": "7"}, details=[_ResourceInfo(resource_name="cup")])), (5, "NO_CUP"))
        self.assertEqual(plain_fail(*said).metadata, {"statusway-reason": "NO_CUP", "statusway-domain": "shop.v1"})
        self.assertEqual(plain_fail(*said, retry_after=1.2).metadata["statusway-retry-after"], "2")

    def test_the_rest(self):
        self.assertEqual(choose_status(201), {"statusway-status": "201"})
        self.assertEqual(
            allowance(10, 9, 60), {"x-rate-limit-limit": "10", "x-rate-limit-remaining": "9", "x-rate-limit-reset": "60"}
        )
        self.assertEqual(prefer_wait([("prefer-wait", "7")]), 7)
        self.assertIsNone(prefer_wait([("prefer-wait", "x")]))
        self.assertIsNone(prefer_wait([]))


if __name__ == "__main__":
    unittest.main()
