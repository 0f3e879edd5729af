"""Errors as UpCloud answers them."""


class ApiError(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message

    @property
    def body(self) -> dict[str, object]:
        return {"error": {"error_code": self.code, "error_message": self.message}}


def invalid(attribute: str) -> ApiError:
    message = f"The attribute {attribute} has an invalid value."
    return ApiError(400, f"{attribute.upper()}_INVALID", message)


def missing(attribute: str) -> ApiError:
    return ApiError(400, f"{attribute.upper()}_MISSING", f"The required attribute {attribute} is missing.")


def unknown_attribute(attribute: str) -> ApiError:
    return ApiError(400, "UNKNOWN_ATTRIBUTE", f"The request contains an unknown attribute {attribute}.")


def no_such(what: str) -> ApiError:
    return ApiError(404, f"{what.upper()}_NOT_FOUND", f"The {what} does not exist.")


def state_illegal(uuid: str, state: str) -> ApiError:
    message = f"The operation is not allowed while the server {uuid} is in state '{state}'."
    return ApiError(409, "SERVER_STATE_ILLEGAL", message)
